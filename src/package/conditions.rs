//! The `conditions` of a package: which Kibana, agent and subscription it needs (contract, "Conditions").
//!
//! A constraint that cannot be read keeps the package out (contract, "Constraint invalid"), because it would match no
//! version. Search decides which versions satisfy a constraint.

use super::reader::Fields;
use crate::base::rule::Rule;
use crate::dialect::json::Object;
use crate::dialect::version::Constraint;
use serde::Deserialize;

/// The `conditions` block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    /// Range of Kibana versions.
    pub(super) kibana: Option<Constraint>,
    pub(super) elastic: Option<Elastic>,
    /// Range of agent versions.
    pub(super) agent: Option<Constraint>,
}

/// The `elastic` block: the subscription that is needed, and the capabilities of the project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Elastic {
    pub(super) subscription: String,
    pub(super) capabilities: Vec<String>,
}

/// The block as documents and elements of lists print it.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PrintedConditions {
    /// Range of Kibana versions.
    pub kibana: Option<PrintedRange>,
    /// Range of agent versions.
    pub agent: Option<PrintedRange>,
    /// Subscription and capabilities.
    pub elastic: Option<PrintedElastic>,
}

/// A range of versions as it is printed.
#[derive(Deserialize)]
pub struct PrintedRange {
    /// The constraint.
    pub version: Constraint,
}

/// The `elastic` block as it is printed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct PrintedElastic {
    /// The subscription that is needed; empty if none is named.
    pub subscription: String,
    /// The capabilities that are needed; absent if none are.
    pub capabilities: Option<Vec<String>>,
}

impl Conditions {
    pub(super) fn read(fields: &Fields<'_>) -> Self {
        Self {
            kibana: fields.structure("kibana", |fields| read_constraint(fields, "Kibana")).flatten(),
            elastic: fields.structure("elastic", |fields| Elastic {
                subscription: fields.text("subscription"),
                capabilities: fields.texts("capabilities"),
            }),
            agent: fields.structure("agent", |fields| read_constraint(fields, "Agent")).flatten(),
        }
    }

    pub(super) fn write_members(object: &mut Object<'_>, conditions: &Self) {
        object.object_if_some("kibana", conditions.kibana.as_ref(), write_constraint);
        object.object_if_some("elastic", conditions.elastic.as_ref(), |object, elastic| {
            object.text("subscription", &elastic.subscription);
            object.texts_if_any("capabilities", &elastic.capabilities);
        });
        object.object_if_some("agent", conditions.agent.as_ref(), write_constraint);
    }
}

fn read_constraint(fields: &Fields<'_>, product: &str) -> Option<Constraint> {
    let text = fields.text("version");
    let constraint = Constraint::parse(&text).ok().filter(|_| !text.is_empty());
    if constraint.is_none() {
        fields.report(
            "version",
            Rule::InvalidConstraint,
            format!("invalid {product} versions range {text}: improper constraint: \"{text}\""),
        );
    }
    constraint
}

fn write_constraint(object: &mut Object<'_>, constraint: &Constraint) {
    object.text("version", constraint.as_str());
}
