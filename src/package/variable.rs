//! Variables of packages, inputs and streams (contract, "Variable").

use super::facts::Deprecated;
use super::reader::Fields;
use crate::dialect::json::{Object, Value};

/// A setting that users fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    name: String,
    kind: String,
    title: String,
    description: String,
    multi: bool,
    required: bool,
    show_user: bool,
    default: Option<Value>,
    deprecated: Option<Deprecated>,
}

impl Variable {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        Self {
            name: fields.text("name"),
            kind: fields.text("type"),
            title: fields.text("title"),
            description: fields.text("description"),
            multi: fields.flag("multi"),
            required: fields.flag("required"),
            show_user: fields.flag("show_user"),
            default: fields.free_value("default"),
            deprecated: fields.structure("deprecated", Deprecated::read),
        }
    }

    pub(super) fn write(&self, object: &mut Object<'_>) {
        object.text("name", &self.name);
        object.text("type", &self.kind);
        object.text_if_set("title", &self.title);
        object.text_if_set("description", &self.description);
        object.flag("multi", self.multi);
        object.flag("required", self.required);
        object.flag("show_user", self.show_user);
        if let Some(default) = &self.default {
            object.value("default", default);
        }
        object.object_if_some("deprecated", self.deprecated.as_ref(), Deprecated::write_members);
    }
}
