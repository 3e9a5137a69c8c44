//! Brings one version: fetches it, checks it, notes it, puts it into place.

use super::aside;
use super::check::{self, Expected};
use super::demands::{Demands, Teller};
use super::facts::Key;
use super::fault::Fault;
use super::fetch::{self, Fetched, Partial};
use super::group::{Groups, Ready};
use super::outcome::Event;
use super::place;
use super::plan::{Fetch, id};
use super::record::{Entry, State};
use super::transport::Transport;
use super::trust::{Judged, Trust};
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::progress::bytes;
use crate::config::limits::Limits;
use crate::openpgp::MOST_SIGNATURE_BYTES;
use anyhow::{Context, Result, ensure};
use reqwest::Url;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Semaphore;

/// Bytes that are left free.
const LEAST_LEFT: u64 = 64 << 20;

/// What all deliveries to a layer share.
pub(super) struct Site {
    /// Name of the layer.
    pub(super) layer: String,
    /// Folder of the layer.
    pub(super) root: PathBuf,
    /// Folder of what is not there yet.
    pub(super) partial: PathBuf,
    /// Folder of what upstreams give now for versions that are recorded with other bytes.
    pub(super) changed: PathBuf,
    /// True if versions were named: what changed of these is laid aside however much lies there.
    pub(super) is_named: bool,
    pub(super) limits: Limits,
    pub(super) trust: Trust,
    pub(super) groups: Groups,
    /// As many checks at a time as there are processors; more would only need more memory.
    pub(super) checks: Semaphore,
    /// The time for the record.
    pub(super) now: String,
    /// True when nothing more is to be begun: this machine failed.
    pub(super) is_over: AtomicBool,
}

/// What became of a delivery.
pub(super) enum Delivery {
    /// It is in place.
    Placed(Key, Box<Entry>, Vec<Event>),
    /// It is refused; the upstream would have to change.
    Refused(Key, Event),
    /// The upstream gives other bytes than those that the record has, and these are laid aside.
    Changed(Key, Digest),
    /// It could not be had now.
    Failed(Event),
    /// The upstream is given up.
    Over(String),
    /// It was not begun.
    Skipped,
}

/// Brings one version.
///
/// # Errors
/// When this machine fails.
pub(super) async fn deliver(
    site: &Arc<Site>,
    transport: &Transport,
    key: Key,
    fetch: &Fetch,
    demands: Demands,
) -> Result<Delivery> {
    if site.is_over.load(Ordering::Relaxed) {
        return Ok(Delivery::Skipped);
    }
    check_room(site).inspect_err(|_| site.is_over.store(true, Ordering::Relaxed))?;
    let brought = bring(site, transport, &key, fetch, demands).await;
    if brought.is_err() {
        site.is_over.store(true, Ordering::Relaxed);
    }
    brought
}

/// Fails while there is still room for what is under way and for the record of it: a disk that is full to the last byte keeps
/// even that from being written.
fn check_room(site: &Site) -> Result<()> {
    let free = fs::free_bytes(&site.root)?;
    ensure!(
        free >= LEAST_LEFT,
        "{} has only {} free: nothing more is fetched\nhint: free some space and run again; what was fetched stays",
        site.root.display(),
        bytes(free)
    );
    Ok(())
}

async fn bring(
    site: &Arc<Site>,
    transport: &Transport,
    key: &Key,
    fetch: &Fetch,
    demands: Demands,
) -> Result<Delivery> {
    if site.trust.needs_signatures() && !fetch.signed {
        let why = "it has no signature, and the layer requires one".to_owned();
        return Ok(Delivery::Refused(key.clone(), Event::new(said(key), why, None).lasting()));
    }
    let url = match transport.zip_address(&key.0, key.1.as_str()) {
        Ok(url) => url,
        Err(fault) => return sorted(key, fault, &transport.upstream().url, demands.teller),
    };
    let partial = Partial::new(&site.partial, &format!("{}.zip", id(key)));
    for fresh in [false, true] {
        let fetched = if fetch.only_signature {
            Ok(None)
        } else {
            fetch::zip(transport, &url, &partial, fresh, site.limits.max_package_bytes).await.map(Some)
        };
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(fault) => return sorted(key, fault, url.as_str(), demands.teller),
        };
        let signature = match signature(transport, &url, fetch.signed, fresh).await {
            Ok(signature) => signature,
            Err(fault) => return sorted(key, fault, &format!("{url}.sig"), demands.teller),
        };
        let job = Job {
            site: Arc::clone(site),
            key: key.clone(),
            fetch: fetch.clone(),
            partial: partial.clone(),
            fetched,
            signature,
            demands: demands.clone(),
        };
        let turn = site.checks.acquire().await.context("nobody ends the checks")?;
        let (answer, job) = tokio::task::spawn_blocking(move || (job.examine(), job)).await.context("a check ended")?;
        drop(turn);
        match answer? {
            Ok((format_version, judged)) => {
                let placed = tokio::task::spawn_blocking(move || job.put(&format_version, &judged)).await;
                return placed.context("a placing ended")?;
            }
            // Between us and what lies on this machine there is no cache.
            Err((why, may_be_stale)) if fresh || !may_be_stale || transport.stand_in.is_some() => {
                if let Some(fetched) = &job.fetched {
                    still_there(&partial, fetched)?;
                    if job.is_change() {
                        let signature = job.signature.as_deref();
                        aside::lay(&site.changed, key, (&partial, fetched), signature, site.is_named)?;
                        return Ok(Delivery::Changed(key.clone(), fetched.sha256));
                    }
                }
                partial.discard()?;
                let place = if why.contains("signature") { format!("{url}.sig") } else { url.to_string() };
                return Ok(Delivery::Refused(key.clone(), Event::new(said(key), why, Some(place)).lasting()));
            }
            Err(_) => {}
        }
    }
    unreachable!("the second time is the last")
}

/// Fetches a signature; none if the upstream does not have it although it said so.
pub(super) async fn signature(
    transport: &Transport,
    zip: &Url,
    is_listed: bool,
    fresh: bool,
) -> Result<Option<Vec<u8>>, Fault> {
    if !is_listed {
        return Ok(None);
    }
    let mut url = zip.clone();
    url.set_path(&format!("{}.sig", zip.path()));
    let most = usize::try_from(MOST_SIGNATURE_BYTES).unwrap_or(usize::MAX);
    match transport.small(&url, fresh, most).await {
        Ok(text) => Ok(Some(text)),
        Err(Fault::Status(404 | 410)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Fails if a file is not what was written to it: then this machine is to blame for what was found wrong.
fn still_there(partial: &Partial, fetched: &Fetched) -> Result<()> {
    let (digest, _) = fs::digest_of_file(&partial.content)?;
    let path = partial.content.display();
    ensure!(digest == fetched.sha256, "{path} is not what was written to it\nhint: look at the disk");
    Ok(())
}

/// The version as messages name it.
pub(super) fn said((name, version): &Key) -> String {
    format!("{name} {version}")
}

/// What follows from a fault.
fn sorted(key: &Key, fault: Fault, url: &str, teller: Teller) -> Result<Delivery> {
    let place = Some(url.to_owned());
    Ok(match fault {
        Fault::Machine(error) => return Err(error),
        Fault::Over(reason) => Delivery::Over(reason),
        Fault::Status(status @ (404 | 410)) => {
            Delivery::Refused(key.clone(), Event::new(said(key), teller.absent(&Fault::Status(status)), place))
        }
        Fault::Status(_) | Fault::Unfit(_) => {
            Delivery::Refused(key.clone(), Event::new(said(key), fault.words(), place))
        }
        Fault::Passing { .. } | Fault::Unreachable(_) => Delivery::Failed(Event::new(said(key), fault.words(), place)),
    })
}

/// What is done with a version off the lines of requests.
struct Job {
    site: Arc<Site>,
    key: Key,
    fetch: Fetch,
    partial: Partial,
    /// Absent where the zip is held and only its signature came.
    fetched: Option<Fetched>,
    signature: Option<Vec<u8>>,
    demands: Demands,
}

/// Why a version is refused, and whether a cache on the way may be to blame.
type Refusal = (String, bool);

impl Job {
    fn zip(&self) -> PathBuf {
        match self.fetched {
            Some(_) => self.partial.content.clone(),
            None => self.site.root.join(place::usual(&self.key)),
        }
    }

    /// True if other bytes came than those that the layer held.
    fn is_change(&self) -> bool {
        let both = self.demands.recorded.zip(self.fetched.as_ref());
        both.is_some_and(|(recorded, fetched)| recorded != fetched.sha256)
    }

    /// Checks what came, cheap things first.
    fn examine(&self) -> Result<Result<(String, Judged), Refusal>> {
        let zip = self.zip();
        if self.is_change() {
            let told = self.fetch.sha256.zip(self.fetched.as_ref());
            let is_told = told.is_some_and(|(told, fetched)| told == fetched.sha256);
            return Ok(Err(("the upstream gives other bytes than the layer held".to_owned(), !is_told)));
        }
        // What the layer held is right, whatever is told of what is given now.
        let digests = self.demands.digests.filter(|_| self.demands.recorded.is_none());
        if let (Some((zip_digest, signature_digest)), Some(fetched)) = (digests, &self.fetched) {
            let is_signature = || self.signature.as_deref().map(Digest::of) == signature_digest;
            let teller = self.demands.teller;
            if zip_digest != fetched.sha256 {
                let (teller, hint) = (teller.words(), teller.hint());
                let why = match self.demands.size.filter(|size| *size != fetched.size) {
                    Some(size) => format!("{teller} {size} bytes, and the upstream gives {}{hint}", fetched.size),
                    None => format!("{teller} {zip_digest}, and the upstream gives {}{hint}", fetched.sha256),
                };
                return Ok(Err((why, true)));
            }
            if signature_digest.is_some() && !is_signature() {
                let why = format!("the signature is not the one that {}{}", teller.words(), teller.hint());
                return Ok(Err((why, true)));
            }
        }
        examine(&self.site, &self.key, &zip, self.signature.as_deref(), self.demands.format_version.as_deref())
    }

    /// Notes what will be true, and makes it so.
    fn put(&self, format_version: &str, judged: &Judged) -> Result<Delivery> {
        let site = &self.site;
        let signature = self.signature.as_deref().filter(|_| judged.keep);
        let beside = place::signature_of(&site.partial.join(format!("{}.zip", id(&self.key))));
        if let Some(text) = signature {
            fs::remove_file_if_there(&beside)?;
            fs::write_file(&beside, text)?;
        }
        let mut reasons = Vec::new();
        let warnings: Vec<_> =
            judged.warnings.iter().map(|warning| Event::new(said(&self.key), warning.clone(), None)).collect();
        reasons.extend(judged.warnings.iter().map(|warning| first_line(warning)));
        let known = match &self.fetched {
            Some(fetched) => (fetched.sha256, fetched.size, Some(fetched.url.clone()), fetched.validators.clone()),
            None => {
                let (digest, size) = fs::digest_of_file(&self.zip())?;
                (digest, size, None, super::record::Validators::default())
            }
        };
        let (sha256, size, url, validators) = known;
        let entry = Entry {
            sha256: Some(sha256),
            size: Some(size),
            signature_sha256: signature.map(Digest::of),
            signature: Some(judged.words.clone()),
            format_version: Some(format_version.to_owned()),
            upstream: Some(self.fetch.upstream.clone()),
            url,
            validators,
            reasons,
            ..Entry::new(State::Held, site.now.clone())
        };
        site.groups.put(Ready {
            key: self.key.clone(),
            entry: entry.clone(),
            zip: self.fetched.as_ref().map(|_| self.partial.content.clone()),
            signature: signature.map(|_| beside),
        })?;
        if self.fetched.is_some() {
            self.partial.finish()?;
        }
        Ok(Delivery::Placed(self.key.clone(), Box::new(entry), warnings))
    }
}

/// Checks a zip with its signature: first its form, then whose it is, then, if nobody vouches for it, all its contents.
///
/// # Errors
/// When this machine fails.
pub(super) fn examine(
    site: &Site,
    key: &Key,
    zip: &Path,
    signature: Option<&[u8]>,
    format_version: Option<&str>,
) -> Result<Result<(String, Judged), Refusal>> {
    let expected = Expected { layer: &site.layer, key, format_version, limits: site.limits };
    let sound = match check::zip(zip, &expected)? {
        Ok(sound) => sound,
        Err(why) => return Ok(Err((why, true))),
    };
    let judged = site.trust.judge(signature, zip)?;
    if let Some(why) = judged.refused {
        return Ok(Err((why, signature.is_some())));
    }
    if !judged.is_good
        && let Err(why) = sound.contents()
    {
        return Ok(Err((why, true)));
    }
    Ok(Ok((sound.format_version, judged)))
}

pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
