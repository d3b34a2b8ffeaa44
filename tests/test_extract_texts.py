"""Pages saved or pasted as plain text read exactly, in many layouts."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

import pytest

from monitor.extract import extract
from monitor.model import Source
from tests.support.pages import PROFILE, URL, Link, Style, Town, expected, found, invent

_SAYS = "Länk till annan webbplats, öppnas i nytt fönster."
_NEWS = "Fråga oss gärna:\n\nTelefon:\n\nAktuellt\n\n • En bil\n\n  Var tvättar du bilen?\n\n"


@dataclass(frozen=True, slots=True)
class Layout:
    """How a text is laid out. `bullet` may hold {n}; `width`: where lines are broken, 0 nowhere."""

    bullet: str
    paragraph: str
    link: str = ""
    """Left out: like a paragraph."""
    between: str = ""
    title: str = "{}\n\n"
    heading: str = "{}\n\n"
    end: str = _NEWS
    width: int = 0
    markdown: bool = False

    def write(self, town: Town) -> str:
        text = self.title.format(town.title)
        text += "".join(f"{self.broken(intro, '')}\n\n" for intro in town.intro)
        number = 0
        for heading, _, items in town.sections:
            text += self.heading.format(heading)
            for item in items:
                number += 1
                text += self.bullet.format(item.title, n=number)
                for paragraph in item.paragraphs:
                    indent = self.paragraph[: self.paragraph.index("{")]
                    broken = self.broken(paragraph, indent)
                    text += self.paragraph.format(broken.removeprefix(indent))
                for link in item.links:
                    text += (self.link or self.paragraph).format(self.said(link))
                text += self.between
            text = text.rstrip("\n") + "\n\n"
        return text + self.end

    def broken(self, text: str, indent: str) -> str:
        if not self.width:
            return text
        return textwrap.fill(
            text,
            self.width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_on_hyphens=False,
        )

    def said(self, link: Link) -> str:
        if self.markdown:
            return f"[{link.text}]({link.href})"
        return f"{link.text} {_SAYS}" if link.outside else link.text


_MARKDOWN = {"title": "# {}\n\n", "heading": "## {}\n\n", "end": "", "markdown": True}
LAYOUTS: dict[str, Layout] = {
    "bullets, links close to the next": Layout(" • {}\n\n", "  {}\n\n", "  {}\n"),
    "deep bullets": Layout("    • {}\n\n", "      {}\n\n", "      {}\n", end=""),
    "tabs": Layout("\t•\t{}\n", "\t\t{}\n"),
    "a word processor's bullets": Layout("·\t{}\n", "{}\n", end=""),
    "dashes": Layout("- {}\n", "  {}\n", between="\n"),
    "stars, everything apart": Layout("* {}\n\n", "  {}\n\n"),
    "arrows": Layout("▸ {}\n", "  {}\n"),
    "circles": Layout("○ {}\n", "  {}\n"),
    "numbers": Layout("{n}. {}\n\n", "   {}\n\n", "   {}\n"),
    "numbers with a bracket": Layout(" {n}) {}\n\n", "    {}\n\n", "    {}\n"),
    "spaces that do not break": Layout("\xa0•\xa0{}\n\n", "\xa0\xa0{}\n\n", "\xa0\xa0{}\n"),
    "groups": Layout("{}\n", "{}\n", between="\n"),
    "underlined headings": Layout(" • {}\n\n", "  {}\n\n", "  {}\n", heading="{}\n=====\n\n"),
    "broken at 72": Layout(" * {}\n\n", "   {}\n\n", width=72, end=""),
    "broken at 72, close": Layout("* {}\n", "  {}\n\n", width=72, end=""),
    "a text browser's": Layout("     * {}\n", "       {}\n\n", "       {}\n", width=72, end=""),
    "Markdown": Layout("### {}\n\n", "{}\n\n", **_MARKDOWN),  # type: ignore[arg-type]
    "Markdown, links listed": Layout("### {}\n\n", "{}\n\n", "- {}\n", "\n", **_MARKDOWN),  # type: ignore[arg-type]
    "Markdown, bold": Layout("**{}**\n\n", "{}\n\n", **_MARKDOWN),  # type: ignore[arg-type]
    "Markdown, a list": Layout("-   **{}**\n\n", "    {}\n\n", **_MARKDOWN),  # type: ignore[arg-type]
}


def truth(town: Town, layout: Layout) -> dict[str, Any]:
    """Without Markdown a text says where no link leads."""
    document = expected(town, Style())
    for section in document["sections"]:
        for initiative in section["initiatives"]:
            for link in initiative["links"] if not layout.markdown else ():
                link["href"] = None
    return document


@pytest.mark.parametrize("sizes", [(5, 3, 2), (14, 1, 6), (3, 3, 3), (40, 30, 12)])
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_text_in_each_layout_reads_exactly(name: str, sizes: tuple[int, ...]) -> None:
    layout, town = LAYOUTS[name], invent(sum(sizes), sizes)
    reading = extract(Source(layout.write(town).encode(), None, URL), PROFILE)
    assert found(reading) == truth(town, layout)


@pytest.mark.parametrize("charset", ["utf-8-sig", "cp1252", "utf-16"])
def test_a_text_reads_exactly_in_each_charset_and_with_other_line_ends(charset: str) -> None:
    layout, town = LAYOUTS["bullets, links close to the next"], invent(8, (5, 3, 2))
    body = layout.write(town).replace("\n", "\r\n").encode(charset)
    assert found(extract(Source(body, None, URL), PROFILE)) == truth(town, layout)
