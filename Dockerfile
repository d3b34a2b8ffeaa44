# Two stages: one builds, with whatever that takes; the other («root», then flattened, so that what
# is left out is gone) runs, as nobody in particular, on a root it cannot write to. Both stand on the
# same base, so that the environment can be carried over.
#
#   docker build -t visionsvakt .        or, with or without a Docker daemon: make image
#   docker run --read-only -v visionsvakt:/data -p 8080:8080 visionsvakt

ARG BASE=debian:bookworm-slim

# hadolint ignore=DL3006
FROM ${BASE} AS build
# Where a proxy inspects TLS, its certificates come by a mount and this points at them.
ARG PIP_CERT
ENV DEBIAN_FRONTEND=noninteractive \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
RUN python3 -m venv /opt/visionsvakt \
    && /opt/visionsvakt/bin/pip install --require-hashes --only-binary :all: -r requirements.lock \
    && python3 -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --only-binary :all: -r requirements-build.lock
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheel . \
    && /opt/visionsvakt/bin/pip install --no-deps /tmp/wheel/visionsvakt-*.whl \
    && ops/slim.sh /opt/visionsvakt \
    && cp ops/sbom.py /opt/visionsvakt/

# hadolint ignore=DL3006
FROM ${BASE} AS root
ENV DEBIAN_FRONTEND=noninteractive
# What is never used again goes: package manager, Perl, character sets, and the time zones and
# certificates' tools that the environment has its own of.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 \
    && useradd --system --uid 10001 --user-group --home-dir /data --no-create-home visionsvakt \
    && install --directory --owner visionsvakt --group visionsvakt /data \
    && rm -rf /etc/apt /etc/perl /usr/bin/apt* /usr/bin/perl* /usr/lib/*-linux-gnu*/gconv \
        /usr/lib/*-linux-gnu*/libapt* /usr/lib/*-linux-gnu*/perl* /usr/lib/apt \
        /usr/lib/python3.*/ensurepip /usr/lib/python3.*/lib2to3 /usr/lib/python3.*/pydoc_data \
        /usr/lib/python3/dist-packages /usr/share/perl* /usr/share/zoneinfo /var/cache/* \
        /var/lib/apt /var/log/*
COPY --from=build /opt/visionsvakt /opt/visionsvakt
# What the image is made of, as it is now.
RUN /opt/visionsvakt/bin/python /opt/visionsvakt/sbom.py /var/lib/dpkg/status \
        > /opt/visionsvakt/sbom.cdx.json \
    && rm /opt/visionsvakt/sbom.py

FROM scratch
LABEL org.opencontainers.image.title="Visionsvakt" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.description="Watches municipal vision pages and tells people what changed in meaning" \
      org.opencontainers.image.licenses="MIT"
# The whole root, on purpose: a layer upon the base would keep all that was left out above.
# hadolint ignore=DL3067
COPY --from=root / /
ENV PATH=/opt/visionsvakt/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LANG=C.UTF-8 \
    VISIONSVAKT_LISTEN=0.0.0.0:8080
# ./visionsvakt.toml is looked for here, and the relative database path leads here.
WORKDIR /data
VOLUME /data
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-m", "web.probe"]
ENTRYPOINT ["visionsvakt"]
CMD ["run"]
