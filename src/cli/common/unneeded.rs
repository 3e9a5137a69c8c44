//! The note about permissions that were given and not needed: somebody meant something else, or need not give them again.

use super::talk::{self, say};
use crate::config::exceptions::Exception;
use std::io;

/// Says which of these were not needed: exceptions from policies, and the permission to lose versions.
pub(in crate::cli) fn tell(
    allowed: &[Exception],
    is_needed: impl Fn(&Exception) -> bool,
    (accept_loss, is_loss_accepted): (bool, bool),
) -> io::Result<()> {
    let unneeded = allowed.iter().filter(|exception| !is_needed(exception));
    let mut words: Vec<_> = unneeded.map(|exception| format!("`--allow-policy {exception}`")).collect();
    if accept_loss && !is_loss_accepted {
        words.push("`--accept-loss`".to_owned());
    }
    if words.is_empty() || talk::quiet() { Ok(()) } else { say(&format!("note: not needed: {}\n", words.join(", "))) }
}
