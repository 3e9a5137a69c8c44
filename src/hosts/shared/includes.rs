//! Files that are not complete: servers that exist include them, after the command `include` has put in a path.

/// Ending of the names of files that the command `include` completes, for servers that exist already.
pub const INCOMPLETE: &str = ".in";
/// What such files say in place of the folder of the distribution, whose path no generation knows.
pub const FOLDER_MARK: &str = "@FOLDER@";
