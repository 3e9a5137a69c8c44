//! Why what a keep file says may not be what a site has.

use crate::base::time;
use crate::base::words::counted;
use crate::select::keep_file::KeepFile;

/// Seconds of a day.
pub const DAY: u64 = 24 * 60 * 60;
/// Seconds after which a keep file is too old to be believed, unless another time is asked for.
pub const STALE: u64 = 30 * DAY;
/// A time may be so far in the future, in seconds: clocks differ.
const AHEAD: u64 = DAY;

/// A reason for doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// In words that go on after the name of the file.
    pub message: String,
    /// What to do.
    pub hint: &'static str,
    /// True if the file is only too old.
    pub is_age: bool,
}

/// All reasons, the worst first. `now` is in seconds since 1970, `stale` in seconds.
pub fn doubts(file: &KeepFile, now: u64, stale: u64) -> Vec<Doubt> {
    let mut doubts = Vec::new();
    let mut doubt = |message, hint| doubts.push(Doubt { message, hint, is_age: false });
    if !file.complete {
        let notes = if file.notes.is_empty() { String::new() } else { format!(": {}", file.notes.join("; ")) };
        doubt(format!("does not have all that is installed{notes}"), remedy(&file.notes));
    }
    if file.kibana.is_none() {
        let message = "does not say which Kibana it is of, so it is not known what that needs";
        doubt(message.to_owned(), "import it again, with the answer to /api/status");
    }
    if file.taken > now.saturating_add(AHEAD) {
        doubt(format!("was taken in the future, at {}", time::rfc3339(file.taken)), "look at the clocks");
    }
    let age = now.saturating_sub(file.taken);
    if age > stale {
        let message = format!("is {} old, and {} are allowed", counted(age / DAY, "day"), stale / DAY);
        doubts.push(Doubt { message, hint: "import it again", is_age: true });
    }
    doubts
}

/// What to do about what is missing.
fn remedy(notes: &[String]) -> &'static str {
    let has = |words: &str| notes.iter().any(|note| note.contains(words));
    if has("403 Forbidden") {
        "import it again with more privileges (docs/guides/keep.md)"
    } else if has("were not among the answers") || has("are needed") {
        "import it again, with the answers that are missing (docs/guides/keep.md)"
    } else {
        "import it again (docs/guides/keep.md)"
    }
}

#[cfg(test)]
mod tests {
    use super::remedy;

    #[test]
    fn only_what_may_not_be_read_needs_privileges() {
        for (note, said) in [
            ("the policies may not be read (403 Forbidden); versions may be missing", "more privileges"),
            ("the policies came short: 5 were promised, and 3 came; versions may be missing", "again (docs"),
            ("the policies were not among the answers; versions may be missing", "the answers that are missing"),
            ("of a Kibana before 8.6.2 the stored packages or the policies are needed", "the answers that are missing"),
        ] {
            assert!(remedy(&[note.to_owned()]).contains(said), "{note}");
        }
    }
}
