//! Where packages come from: folders, zips and branches are searched, and each package found is opened.

pub mod signature_file;
pub mod carried;
pub mod changes;
pub mod door;
pub mod git;
pub mod image;
pub mod source;
pub mod survey;
pub mod excerpt;
pub mod spot;
