//! A generation in an object store, put there so that readers always see one whole generation.
//!
//! ```text
//! PREFIX/v/<digest>/package/<name>/<version>/…    a version: its files, zip and signature; named by content
//!       /v/<digest>/epr/<name>/<name>-<version>.zip
//!       /g/<generation>/answers/…, documents/…    all else of a document root, with routes.json, files.json,
//!                                                 places.json and manifest.json
//!       /current.json                             which generation is in use; written last
//!       /.epr-build/state.json.zst                what is there, for the next run
//! ```
//!
//! Nothing below `v/` and `g/` is ever overwritten with other content, so no order of uploads and no interruption can change
//! what readers of the generation in use see; `current.json` alone decides. Stages: [`contents`] (what shall be there),
//! [`state`] and `survey` (what is there), [`plan`] (a pure function of the two), `upload` (doing it). Knows nothing
//! of packages, routing or the store on disk.

pub mod contents;
pub mod front;
pub mod object;
mod options;
pub mod plan;
pub mod purge;
pub mod state;
mod survey;
pub mod target;
mod upload;

pub use options::Options;

use crate::base::progress::Progress;
use crate::compare::holdings::Holdings;
use anyhow::{Result, bail};
use contents::Contents;
use object::{Amount, Headers};
use plan::Work;
use serde::Deserialize;
use state::State;
use target::{StoredObject, Target};

/// The object that names the generation in use.
pub const POINTER: &str = "current.json";
/// The object that remembers what was published.
pub const STATE: &str = ".epr-build/state.json.zst";

/// The outcome of a run, or what a dry run would do.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Objects that were sent.
    pub uploaded: Amount,
    /// Objects that were there already.
    pub unchanged: Amount,
    /// Objects that nobody needed any more.
    pub deleted: Amount,
    /// True if another generation is in use now.
    pub switched: bool,
    /// True if an earlier run had not finished.
    pub resumed: bool,
    /// Keys that were sent, below the prefix, in their order.
    pub keys: Vec<String>,
    /// Folders that were removed.
    pub folders: Vec<String>,
    /// Paths of the registry whose answers changed, for a cache in front to forget.
    pub purge: Vec<String>,
}

/// Sends the contents to the target and switches readers to them.
///
/// # Errors
/// When the store or the disk fails, when the state cannot be trusted, or when somebody else publishes at the same time.
pub async fn publish(target: &Target, contents: &Contents, options: &Options, progress: &Progress) -> Result<Outcome> {
    let mut held = target.get(STATE).await?;
    let mut state = known_state(target, contents, options, &held).await?;
    let pointer = target.get(POINTER).await?;
    let text = contents.pointer();
    let is_pointed_to = pointer.is(text.as_bytes());
    let present = survey::present(target, contents, &mut state, options, progress).await?;
    let work = plan::plan(contents, &state, &present, options.now, options.prune_after);
    let mut outcome = outcome(contents, &state, &work, is_pointed_to);
    if options.dry_run || (is_pointed_to && work.is_nothing(&state)) {
        return Ok(outcome);
    }

    let headers = Headers::internal("application/zstd");
    held = target.replace(STATE, work.begun.encode()?, &headers, &held).await?;
    upload::all(target, &work, options.jobs, progress).await?;
    target.flush()?;
    // Whoever took over in the meantime has changed the state: then this ends here, and not with a switch.
    held = target.replace(STATE, work.ready.encode()?, &headers, &held).await?;
    if !is_pointed_to {
        target.replace(POINTER, text.into_bytes(), &Headers::internal(crate::base::media::JSON), &pointer).await?;
    }
    outcome.deleted = Amount::default();
    for folder in &work.doomed {
        outcome.deleted += survey::remove(target, folder).await?;
    }
    target.replace(STATE, work.done.encode()?, &headers, &held).await?;
    Ok(outcome)
}

/// What readers of a target see before a generation is published there.
pub enum InUse {
    /// Nothing, or another distribution, which publishing refuses.
    Nothing,
    /// The same generation.
    Same,
    /// Another generation of the distribution.
    Other(Holdings),
}

/// As much of `manifest.json` as is needed here.
#[derive(Deserialize)]
struct PublishedManifest {
    distribution: String,
}

/// What readers of the target see now; one small object says so, unless it is another generation.
///
/// # Errors
/// When the store fails.
pub async fn in_use(target: &Target, distribution: &str, generation: &str) -> Result<InUse> {
    let pointer = target.get(POINTER).await?;
    let Some(folder) = pointer.bytes().and_then(contents::folder_of_pointer) else { return Ok(InUse::Nothing) };
    if folder.rsplit('/').next() == Some(generation) {
        return Ok(InUse::Same);
    }
    let manifest = target.get(&format!("{folder}/manifest.json")).await?;
    let text = manifest.bytes().unwrap_or_default();
    let is_ours =
        serde_json::from_slice(text).is_ok_and(|manifest: PublishedManifest| manifest.distribution == distribution);
    let holdings = is_ours.then(|| Holdings::of_manifest_text(text).ok()).flatten();
    Ok(holdings.map_or(InUse::Nothing, InUse::Other))
}

/// The state that the last run left, if it can be trusted.
async fn known_state(target: &Target, contents: &Contents, options: &Options, held: &StoredObject) -> Result<State> {
    if options.relist {
        return Ok(State::new(&contents.distribution));
    }
    let Some(bytes) = held.bytes() else {
        if survey::is_empty(target).await? {
            return Ok(State::new(&contents.distribution));
        }
        bail!(
            "`{target}` holds objects, but no {STATE} that says which\nhint: name an empty prefix, or look at every \
             object once with --relist"
        );
    };
    let state = match State::decode(bytes) {
        Ok(state) => state,
        Err(error) => bail!("{STATE} of `{target}` cannot be used: {error:#}\nhint: make it again with --relist"),
    };
    if state.distribution != contents.distribution {
        bail!(
            "`{target}` holds the distribution `{}`, not `{}`\nhint: publish each one under a prefix of its own; \
             --relist takes this one over",
            state.distribution,
            contents.distribution
        );
    }
    Ok(state)
}

fn outcome(contents: &Contents, state: &State, work: &Work<'_>, is_pointed_to: bool) -> Outcome {
    let doomed = work.doomed.iter().filter_map(|folder| state.folders.get(folder));
    Outcome {
        uploaded: work.uploaded(),
        unchanged: work.unchanged,
        deleted: doomed.map(|known| known.amount).sum(),
        switched: !is_pointed_to,
        resumed: state.folders.values().any(|known| known.trust == state::Trust::Begun),
        keys: work.phases.iter().flatten().map(|upload| upload.key()).collect(),
        folders: work.doomed.clone(),
        purge: if is_pointed_to && state.current.as_ref() == Some(&contents.current) {
            Vec::new()
        } else {
            purge::changed(state.current.as_ref(), &contents.current)
        },
    }
}
