//! Who signs: a command of the operator, or a key file in this process.
//!
//! A command gets the zip on its standard input and writes an armored signature to its standard output: `gpg` with its agent
//! and smart cards, or whatever speaks to a key service. What it writes is only bytes here; the caller judges them.

use crate::openpgp::{KeyRing, MOST_SIGNATURE_BYTES, SecretKey, sign};
use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of a command's complaints that are read.
const MOST_COMPLAINTS: u64 = 1 << 12;
/// Lines of them that are told.
const TOLD_LINES: usize = 4;

/// Who makes signatures.
pub enum Signer {
    /// A command line for the shell.
    Command {
        /// The command line.
        line: String,
        /// How long one signature may take.
        patience: Duration,
    },
    /// A secret key that is unlocked.
    Key(Box<SecretKey>),
}

impl Signer {
    /// The public key by which the signatures will be good, if this is known beforehand.
    pub fn public(&self) -> Option<&KeyRing> {
        match self {
            Self::Command { .. } => None,
            Self::Key(key) => Some(key.public()),
        }
    }

    /// Signs a zip. `now` is the time that a key in this process writes down, in seconds since 1970.
    pub(super) fn sign(&self, zip: &mut dyn Read, now: u64) -> Result<Vec<u8>> {
        match self {
            Self::Command { line, patience } => run(line, *patience, zip),
            Self::Key(key) => Ok(sign(key, b"", now, zip)?.into_bytes()),
        }
    }
}

/// Runs a command line with the zip as its input; returns what it wrote.
///
/// Its pipes are served by threads that nobody waits for beyond the deadline: what it leaves behind in another session cannot
/// be ended from here, and may keep them open for ever.
fn run(line: &str, patience: Duration, zip: &mut dyn Read) -> Result<Vec<u8>> {
    let mut command = Command::new("/bin/sh");
    // A group of its own, so that what it starts ends with it.
    command.arg("-c").arg(line).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().context("cannot run a shell for the signer")?;
    let deadline = Instant::now() + patience;
    let input = child.stdin.take();
    let (output, complaints) =
        (hear(child.stdout.take(), MOST_SIGNATURE_BYTES), hear(child.stderr.take(), MOST_COMPLAINTS));
    let group = Pid::from_child(&child);
    let (over, is_over) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let watching = scope.spawn(move || {
            let is_late = is_over.recv_timeout(patience) == Err(RecvTimeoutError::Timeout);
            if is_late {
                // It may have ended in this moment.
                let _ = kill_process_group(group, Signal::KILL);
            }
            is_late
        });
        let fed = feed(zip, input, deadline);
        let written = heard(&output, deadline);
        let complaints = heard(&complaints, deadline);
        let is_overdue = Instant::now() >= deadline;
        if is_overdue {
            // The shell was not waited for, so the group is still its own, even if the shell has ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let ended = child.wait();
        // Nobody listens any more if it is late.
        let _ = over.send(());
        let was_ended = watching.join().map_err(|_| anyhow!("watching the signer failed"))?;
        let is_late = is_overdue || was_ended;
        let told = told(&complaints?);
        ensure!(!is_late, "the signer took longer than {} seconds and was ended{told}", patience.as_secs());
        fed.context("cannot read the zip")?;
        let (written, ended) = (written?, ended?);
        if written.len() as u64 > MOST_SIGNATURE_BYTES {
            bail!("the signer writes more than a signature: over {MOST_SIGNATURE_BYTES} bytes{told}");
        }
        ensure!(ended.success(), "the signer failed with {ended}{told}");
        Ok(written)
    })
}

/// Gives the zip to the signer. One that does not read all of it has its reasons, and its signature is judged anyhow.
///
/// Another thread writes, since a write has no deadline. It asks for each piece by handing over the buffer for it.
fn feed(zip: &mut dyn Read, input: Option<impl Write + Send + 'static>, deadline: Instant) -> io::Result<()> {
    let Some(mut input) = input else { return Ok(()) };
    let (ask, asked) = mpsc::channel::<Vec<u8>>();
    let (give, given) = mpsc::channel::<(Vec<u8>, usize)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        while ask.send(buffer).is_ok() {
            let Ok((piece, filled)) = given.recv() else { return };
            if input.write_all(&piece[..filled]).is_err() {
                return;
            }
            buffer = piece;
        }
    });
    // Whoever asks no more has closed its end; whoever does not ask in time is late, which the caller sees by the clock.
    while let Ok(mut buffer) = asked.recv_timeout(left(deadline)) {
        let filled = loop {
            match zip.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                filled => break filled?,
            }
        };
        if filled == 0 || give.send((buffer, filled)).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// The time until a deadline.
fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Reads in a thread of its own, no more than one byte beyond `most`, and then closes the pipe.
fn hear(from: Option<impl Read + Send + 'static>, most: u64) -> Receiver<io::Result<Vec<u8>>> {
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let Some(from) = from else { return };
        let mut from = from.take(most + 1);
        let mut buffer = vec![0; 1 << 12];
        loop {
            let piece = match from.read(&mut buffer) {
                Ok(0) => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                filled => filled.map(|filled| buffer[..filled].to_vec()),
            };
            let is_over = piece.is_err();
            if tell.send(piece).is_err() || is_over {
                return;
            }
        }
    });
    told
}

/// All that was read until the pipe was closed, or until the deadline.
fn heard(pieces: &Receiver<io::Result<Vec<u8>>>, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Ok(piece) = pieces.recv_timeout(left(deadline)) {
        bytes.extend(piece?);
    }
    Ok(bytes)
}

/// The last lines of what a signer complains of, to be put behind a message.
fn told(complaints: &[u8]) -> String {
    let text = String::from_utf8_lossy(complaints);
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(TOLD_LINES)..];
    if last.is_empty() { String::new() } else { format!(": {}", last.join(" | ")) }
}

#[cfg(test)]
mod tests {
    use super::run;
    use std::time::{Duration, Instant};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn error(line: &str, patience: Duration, zip: &[u8]) -> String {
        format!("{:#}", run(line, patience, &mut &zip[..]).unwrap_err())
    }

    #[test]
    fn a_signer_gets_the_zip_and_is_heard() {
        assert_eq!(run("cat", PATIENCE, &mut &b"zip"[..]).unwrap(), b"zip");
        let large = vec![7; 1 << 20];
        assert_eq!(run("wc -c", PATIENCE, &mut large.as_slice()).unwrap().trim_ascii(), b"1048576");
        assert_eq!(run("echo early", PATIENCE, &mut large.as_slice()).unwrap(), b"early\n", "it need not read");
        assert_eq!(run("true", PATIENCE, &mut &b""[..]).unwrap(), b"");
    }

    #[test]
    fn a_signer_that_fails_is_told() {
        for (line, expected) in [
            ("echo 'no card' >&2; exit 7", "the signer failed with exit status: 7: no card"),
            ("no-such-program-here", "not found"),
            ("kill -9 $$", "the signer failed with signal: 9"),
            ("yes", "the signer writes more than a signature: over 65536 bytes"),
            ("yes >&2; exit 1", "the signer failed with"),
        ] {
            let message = error(line, PATIENCE, b"zip");
            assert!(message.contains(expected), "{line}: {message}");
            assert!(message.len() < 5000, "{line}: {message}");
        }
    }

    #[test]
    fn a_signer_that_hangs_is_ended() {
        for line in [
            "sleep 60",
            "cat >/dev/null; sleep 60",
            "exec >&- 2>&-; sleep 60",
            "sleep 60 & wait",
            "sleep 60 & cat >/dev/null",
            // What it leaves behind in another session keeps an output, or the input, open.
            "setsid sleep 40 & cat >/dev/null",
            "setsid sleep 40 >/dev/null & cat >/dev/null",
            "exec 3<&0; setsid sleep 40 <&3 >/dev/null 2>&1 &",
        ] {
            let begin = Instant::now();
            let message = error(line, Duration::from_secs(1), &vec![0; 1 << 20]);
            assert!(message.contains("took longer than 1 seconds"), "{line}: {message}");
            assert!(begin.elapsed() < PATIENCE, "{line}");
        }
        let message = error("echo 'no card' >&2; setsid sleep 40 & cat >/dev/null", Duration::from_secs(1), b"zip");
        assert!(message.ends_with("was ended: no card"), "what it said is told: {message}");
    }
}
