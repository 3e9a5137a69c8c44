//! What was read of packages as parts of cache keys.

use super::{Deprecated, PackageKind, ReplacedBy, SearchItem, Spec};
use crate::key_part;

key_part!(struct SearchItem { before_templates, templates, before_deprecated, after_deprecated });
key_part!(struct Deprecated { since, description, replaced_by });
key_part!(struct ReplacedBy { package, policy_template, input, data_stream, variable });
key_part!(struct Spec { major, minor });
key_part!(
    enum PackageKind {
        Folder,
        Zip,
    }
);
