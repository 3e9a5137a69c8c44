//! How the file handles that the system allows are shared between connections and files.

use anyhow::{Result, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What to do about too few handles.
pub const MORE_HANDLES: &str = "raise it, with `ulimit -n 65536` in a shell or `LimitNOFILE=65536` in a systemd unit";
/// Handles for the listeners, logs, certificates, the runtime, and opening a generation.
const OWN: u64 = 48;
/// Fewer handles than this are no basis for a server.
const FLOOR: u64 = 128;
/// Handles that a response has open at once: a file, and for a moment its compressed copy.
const EACH_FILE: u64 = 2;

/// A share of the handles for each purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shares {
    /// Connections that may be open at once.
    pub(super) connections: usize,
    /// Responses that may have files open at once.
    pub(super) files: usize,
    /// The limit, if it is the reason why there are fewer connections than asked for.
    pub(super) limit: Option<u64>,
}

/// Raises the limit of file handles as far as allowed, and shares them out for so many connections.
///
/// # Errors
/// When there are too few to serve anybody.
pub(super) fn shares(connections: usize) -> Result<Shares> {
    let limit = getrlimit(Resource::Nofile);
    // Not being allowed more handles means fewer connections, nothing worse.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    share(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), connections)
}

/// Two thirds at most are for connections: one that waits for a file is better than one that cannot be opened.
fn share(limit: u64, wanted: usize) -> Result<Shares> {
    if limit < FLOOR {
        bail!("the limit of file handles is {limit}, and a server needs at least {FLOOR}\nhint: {MORE_HANDLES}");
    }
    let count = |handles: u64| usize::try_from(handles).unwrap_or(usize::MAX);
    let left = limit - OWN;
    let connections = wanted.min(count(left / 3 * 2));
    let files = count((left - connections as u64) / EACH_FILE);
    Ok(Shares { connections, files, limit: (connections < wanted).then_some(limit) })
}

#[cfg(test)]
mod tests {
    use super::{FLOOR, OWN, share};

    #[test]
    fn no_handle_is_given_twice() {
        assert!(share(FLOOR - 1, 1).is_err());
        for limit in [FLOOR, 256, 1024, 65_536, u64::MAX] {
            for wanted in [1, 100, 20_000] {
                let shares = share(limit, wanted).unwrap();
                assert!(shares.connections as u64 + 2 * shares.files as u64 + OWN <= limit, "{limit}: {shares:?}");
                assert!(shares.connections >= wanted.min(50) && shares.files >= 13, "{limit}: {shares:?}");
                assert_eq!(shares.limit, (shares.connections < wanted).then_some(limit));
            }
        }
    }
}
