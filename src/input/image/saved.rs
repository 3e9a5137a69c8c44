//! An image from which only some of its packages are wanted: it says what it is, and gives its files one by one.

use super::layout::{self, Image};
use super::members::{self, Kind};
use super::outer::Outer;
use super::pile::{self, Sink, plain};
use crate::base::digest::Digest;
use crate::base::progress::Progress;
use crate::input::door;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::Path;

/// An image that was opened; of its layers nothing was read.
pub struct SavedImage {
    outer: Outer,
    image: Image,
}

impl SavedImage {
    /// Opens the file or folder that holds an image.
    ///
    /// # Errors
    /// When it is no image, holds several, or is damaged.
    pub fn open(path: &Path) -> Result<Self> {
        let outer = Outer::open(path)?;
        let image = layout::read(&outer)?;
        Ok(Self { outer, image })
    }

    /// The digest of the image's configuration, which names the digests of all layers.
    pub fn id(&self) -> Digest {
        self.image.id
    }

    /// Gives the packages of the image to a sink, each path once. All layers are read.
    ///
    /// # Errors
    /// When a layer is damaged or is not the one that the image's configuration names, or the sink fails.
    pub fn lay_over(&self, sink: &mut dyn Sink, progress: &Progress) -> Result<()> {
        pile::lay_over(&self.outer, &self.image, sink, progress)
    }

    /// Gives the files of one layer, counted from 0, until `take` returns false. Whether the layer is the one that the
    /// configuration names is not looked at: who takes a file compares it with what it was before.
    ///
    /// # Errors
    /// When there is no such layer, it is damaged up to there, or `take` fails.
    pub fn some(&self, layer: usize, take: &mut dyn FnMut(&Path, &mut dyn Read) -> Result<bool>) -> Result<()> {
        let blob = self.image.layers.get(layer).with_context(|| format!("it has no layer {}", layer + 1))?;
        let packed = self.outer.packed(&blob.member)?;
        let read = members::some(packed, &mut |path, kind, content| match plain(path)? {
            Some(path) if kind == Kind::File => take(&path, content),
            _ => Ok(true),
        });
        read.with_context(|| format!("layer {} of {} ({})", layer + 1, self.image.layers.len(), blob.member))
    }
}

/// Which image a file is that is packed as a whole: that is known only when it was read from end to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The state of the file, by which a change is seen.
    pub stat: String,
    /// The image.
    pub id: Digest,
}

impl Seen {
    /// The state of a file that is packed as a whole; nothing for what is not, since that is opened quickly.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub fn stat(path: &Path) -> Result<Option<String>> {
        if !Outer::is_packed(path) {
            return Ok(None);
        }
        let stat = door::look_through(path).with_context(|| format!("cannot read {}", path.display()))?.stat;
        let numbers = [stat.size.to_string(), stat.modified_ns.to_string(), stat.changed_ns.to_string()];
        Ok(Some(format!("{} {} {}", numbers.join(" "), stat.inode, stat.device)))
    }

    /// The image, if a file is still as it was.
    pub fn id_of(&self, path: &Path) -> Option<Digest> {
        let stat = Self::stat(path).ok()??;
        (stat == self.stat).then_some(self.id)
    }
}
