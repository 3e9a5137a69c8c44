//! What commands that read bundles say about them.

use super::Exit;
use super::talk::say;
use crate::carry::bundle::Refusal;
use anyhow::Result;
use std::path::Path;

/// Says what was verified, and what was not. The comment is that of a verified signature.
pub(in crate::cli) fn render_verified(comment: Option<&str>, signature: &Path) -> String {
    match comment {
        Some(comment) => format!("all digests and the signature: {}", comment.escape_default()),
        None if signature.exists() => {
            "all digests, but not the signature; name the public key with `--public-key`".to_owned()
        }
        None => "all digests; the bundle is not signed".to_owned(),
    }
}

/// Prints why a bundle was refused. That is a problem of the bundle, not a failure of the machine.
pub(in crate::cli) fn report_refusal(result: Result<Exit>) -> Result<Exit> {
    match result.map_err(anyhow::Error::downcast::<Refusal>) {
        Ok(exit) => Ok(exit),
        Err(Ok(refusal)) => {
            say(&format!("error: {refusal}\n"))?;
            Ok(Exit::Problems)
        }
        Err(Err(error)) => Err(error),
    }
}
