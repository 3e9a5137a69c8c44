//! The signature beside a package, as it is. What it is worth takes keys, and is not asked here.

use super::source::Candidate;
use crate::base::problem::{Problem, reading_rule};
use crate::base::rule::Rule;
use crate::openpgp::MOST_SIGNATURE_BYTES;

/// The content of the signature beside a package, if there is one.
///
/// # Errors
/// The quarantine of a package whose signature is too long or cannot be read.
pub fn read(candidate: &Candidate) -> Result<Option<Vec<u8>>, Box<Problem>> {
    let Some(spot) = &candidate.signature else { return Ok(None) };
    let text = match &candidate.origin {
        Some(origin) => origin.read_signature(MOST_SIGNATURE_BYTES),
        None => spot.read(MOST_SIGNATURE_BYTES),
    };
    match text {
        Ok(Some(text)) => Ok(Some(text)),
        Ok(None) => {
            let reason = format!("its signature has more than {MOST_SIGNATURE_BYTES} bytes");
            Err(Problem::new(Rule::SignatureTooLarge, reason).into())
        }
        Err(error) => Err(Problem::new(reading_rule(&error), format!("its signature cannot be read: {error}")).into()),
    }
}
