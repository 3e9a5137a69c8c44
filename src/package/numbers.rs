//! Numbers as text, in the two spellings of the registry (contract, "Typed reading").
//!
//! Floats in string fields and floats in JSON switch to exponents at different sizes. Both print the shortest digits
//! that read back as the same number, as Rust does.

/// A float in a string field: plain when its decimal exponent is between -4 and 5.
pub(super) fn float_as_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let (digits, exponent) = scientific(number);
    if (-4..=5).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

/// A float in JSON: plain from 1e-6 up to, not including, 1e21; `None` for infinities and not-a-number.
pub(super) fn float_as_json(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    if number == 0.0 || (1e-6..1e21).contains(&number.abs()) {
        return Some(number.to_string());
    }
    let (digits, exponent) = scientific(number);
    let sign = if exponent < 0 { '-' } else { '+' };
    Some(format!("{digits}e{sign}{}", exponent.unsigned_abs()))
}

/// Digits with the sign and the point after the first, and the decimal exponent.
fn scientific(number: f64) -> (String, i32) {
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').expect("the exponent form has an `e`");
    (digits.to_owned(), exponent.parse().expect("the exponent of a float is a small integer"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn floats_print_as_the_table_says() {
        for (number, text, json) in [
            (-0.0, "-0", "-0"),
            (0.0, "0", "0"),
            (1.0, "1", "1"),
            (1.10, "1.1", "1.1"),
            (8.10, "8.1", "8.1"),
            (1e3, "1000", "1000"),
            (100_000.0, "100000", "100000"),
            (999_999.5, "999999.5", "999999.5"),
            (1_000_000.0, "1e+06", "1000000"),
            (123_456_789.0, "1.23456789e+08", "123456789"),
            (-1.5e10, "-1.5e+10", "-15000000000"),
            (0.0001, "0.0001", "0.0001"),
            (0.00001, "1e-05", "0.00001"),
            (0.000_001, "1e-06", "0.000001"),
            (0.000_000_1, "1e-07", "1e-7"),
            (1e20, "1e+20", "100000000000000000000"),
            (1e21, "1e+21", "1e+21"),
            (18_446_744_073_709_551_616.0, "1.8446744073709552e+19", "18446744073709552000"),
            (4.9e-324, "5e-324", "5e-324"),
            (1.5e100, "1.5e+100", "1.5e+100"),
        ] {
            assert_eq!(float_as_text(number), text);
            assert_eq!(float_as_json(number).as_deref(), Some(json));
        }
    }

    #[test]
    fn what_is_no_number_has_no_json() {
        for (number, text) in [(f64::INFINITY, "+Inf"), (f64::NEG_INFINITY, "-Inf"), (f64::NAN, "NaN")] {
            assert_eq!(float_as_text(number), text);
            assert_eq!(float_as_json(number), None);
        }
    }

    proptest! {
        #[test]
        fn both_spellings_read_back_as_the_number(number in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            prop_assert_eq!(float_as_text(number).parse::<f64>().expect("a number"), number);
            prop_assert_eq!(float_as_json(number).expect("finite").parse::<f64>().expect("a number"), number);
        }
    }
}
