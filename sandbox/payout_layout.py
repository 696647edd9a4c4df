"""Where the data file keeps what becomes of payouts."""

LAYOUT = """
CREATE TABLE coming_payouts (
    reference TEXT PRIMARY KEY REFERENCES operations (reference),
    due REAL NOT NULL,
    step TEXT NOT NULL CHECK (step IN ('paid', 'failed'))
);
"""
