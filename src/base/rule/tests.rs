//! Tests of the table of rules.
