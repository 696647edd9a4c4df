"""The API of payments: each view shows what it takes, and calls one service or query."""
