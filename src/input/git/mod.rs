//! Layers that lie in a branch of a git repository on this machine, read and changed without a checkout.
//!
//! The `git` program does the work: it knows every form that a repository can have (packs, alternates, SHA-256, linked
//! work trees), is there wherever such layers are, and adds nothing to this program. A library would add a hundred crates.
//! It is run so that nothing in the repository is executed and nothing is fetched (`program`). Knows no packages.

mod cat_file;
mod objects;
mod program;
mod refs;
mod work_tree;

pub use objects::{Kind, TreeEntry, is_there};
pub use program::Repository;
pub use refs::{Branch, Change, Moved, halves};
pub use work_tree::WorkTree;
