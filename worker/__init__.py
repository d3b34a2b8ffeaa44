"""What the worker is made of: who may be it, one look with its next time, rests, a sign of life."""
