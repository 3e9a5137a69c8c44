//! The privileges that a package or data stream needs (contract, "Package info" and "Shape of a data stream").

use super::reader::Fields;
use crate::dialect::json::Object;

/// The `agent` block of packages and data streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Agent {
    /// True if root is needed; `None` without a `privileges` block.
    root: Option<bool>,
}

/// The `elasticsearch` block of packages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ElasticsearchPrivileges {
    /// Privileges on the cluster; `None` without a `privileges` block.
    cluster: Option<Vec<String>>,
}

impl Agent {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        Self { root: fields.structure("privileges", |fields| fields.flag("root")) }
    }

    pub(super) fn write_members(object: &mut Object<'_>, agent: &Self) {
        object.object_if_some("privileges", agent.root.as_ref(), |object, root| object.flag_if_set("root", *root));
    }
}

impl ElasticsearchPrivileges {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        Self { cluster: fields.structure("privileges", |fields| fields.texts("cluster")) }
    }

    pub(super) fn write_members(object: &mut Object<'_>, elasticsearch: &Self) {
        object.object_if_some("privileges", elasticsearch.cluster.as_ref(), |object, cluster| {
            object.texts_if_any("cluster", cluster);
        });
    }
}
