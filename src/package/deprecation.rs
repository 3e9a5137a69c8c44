//! Reading and writing of `deprecated` blocks (contract, "Deprecated").
//!
//! The catalog decides which versions of a package a block applies to.

use super::facts::{Deprecated, ReplacedBy};
use super::reader::Fields;
use crate::dialect::json::Object;

impl Deprecated {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        Self {
            since: fields.text("since"),
            description: fields.text("description"),
            replaced_by: fields.structure("replaced_by", |fields| ReplacedBy {
                package: fields.text("package"),
                policy_template: fields.text("policy_template"),
                input: fields.text("input"),
                data_stream: fields.text("data_stream"),
                variable: fields.text("variable"),
            }),
        }
    }

    pub(super) fn write_members(object: &mut Object<'_>, deprecated: &Self) {
        object.text("since", &deprecated.since);
        object.text("description", &deprecated.description);
        object.object_if_some("replaced_by", deprecated.replaced_by.as_ref(), |object, by| {
            object.text_if_set("package", &by.package);
            object.text_if_set("policy_template", &by.policy_template);
            object.text_if_set("input", &by.input);
            object.text_if_set("data_stream", &by.data_stream);
            object.text_if_set("variable", &by.variable);
        });
    }
}
