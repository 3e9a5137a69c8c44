//! Tests of verdicts: the cases of `tests/fixtures/openpgp`, and what hostile people may write.

mod cases;
mod critical;
mod forms;
mod hostile;
mod keys;
mod make;
mod signing;
