//! A condition on Kibana that was put into rendered texts gives the texts of a package that has it in its manifest.

use super::{DATA_STREAM, FIELDS, Memory, accepted, render_info, render_item};
use crate::dialect::version::Constraint;
use crate::package::Deprecated;

/// What may stand before and after the conditions.
const AROUND: [&str; 6] = [
    "",
    "source: {license: Apache-2.0}\nicons: [{src: /img/a.svg}]\n",
    "policy_templates_behavior: combined_policy\npolicy_templates: [{name: p, title: 'conditions: {', description: \"}\\n    }\"}]\n",
    "owner: {github: acme/team, type: elastic}\ncategories: [security]\n",
    "categories: [security]\ndiscovery: {fields: [{name: a}]}\nrequires: {content: [{package: b, version: 1.0.0}]}\ngroup: g\n",
    "type: input\nrequires: {}\nicons: [{src: /img/a.svg}]\nowner: {github: acme/team}\n",
];

/// What a manifest has of conditions beside the one on Kibana, and that one; both as members of a flow mapping.
const OTHERS: [Option<&str>; 5] = [
    None,
    Some(""),
    Some("elastic: {subscription: basic, capabilities: [a, b]}"),
    Some("agent: {version: ^8.0.0}"),
    Some("elastic: {}, agent: {version: '>=8.0.0 || ^9.0.0'}"),
];

#[test]
fn a_changed_condition_is_as_if_the_manifest_had_it() {
    let constraint = Constraint::parse("^8.5.0 || ~9.1.0").unwrap();
    let wanted = "kibana: {version: '^8.5.0 || ~9.1.0'}";
    let block = |members: &[&str]| {
        let members: Vec<_> = members.iter().filter(|member| !member.is_empty()).copied().collect();
        format!("conditions: {{{}}}\n", members.join(", "))
    };
    let mut checked = 0;
    for around in AROUND {
        for others in OTHERS {
            for kibana in ["", "kibana: {version: ^7.17.0}"] {
                let before = match (others, kibana) {
                    (None, "") => String::new(),
                    _ => block(&[kibana, others.unwrap_or_default()]),
                };
                let after = block(&[wanted, others.unwrap_or_default()]);
                let read = |conditions: &str| {
                    let memory = Memory::minimal(&format!("{around}{conditions}")).with("img/a.svg", "<svg/>");
                    let memory = memory.with("data_stream/log/manifest.yml", DATA_STREAM);
                    accepted(memory.with("data_stream/log/fields/base.yml", FIELDS))
                };
                let (own, told) = (read(&before), read(&after));
                let (item, info) = (own.item.with_kibana(&constraint), own.info.with_kibana(&constraint));
                assert_eq!(render_item(&item), render_item(&told.item), "{around}{before}");
                assert_eq!(render_info(&info), render_info(&told.info), "{around}{before}");
                assert_eq!((&item, &info), (&told.item, &told.info), "{around}{before}");
                // Once more over what was changed already, and with a notice behind it.
                assert_eq!(item.with_kibana(&constraint), item);
                let notice = Deprecated { since: "1.0.0".to_owned(), ..Deprecated::default() };
                assert_eq!(info.render(Some(&notice)), told.info.render(Some(&notice)));
                checked += 1;
            }
        }
    }
    assert_eq!(checked, AROUND.len() * OTHERS.len() * 2);
}
