//! What several commands share. Nothing here knows a command.

pub(super) mod bundles;
pub(super) mod clock;
pub(super) mod diff_text;
pub(super) mod edit;
mod exit;
pub(super) mod failures;
pub(super) mod key_files;
pub(super) mod located;
pub(super) mod options;
pub(super) mod print;
pub(super) mod registry_environment;
pub mod settings;
pub(super) mod summary;
pub(super) mod talk;
pub(super) mod unneeded;

pub use exit::Exit;
