//! Laws and tables for what pages are made of: nothing hostile comes through, and what they say is what is answered.

use super::changelog::{self, Change};
use super::markdown::{Links, render};
use super::matrix::runs;
use super::templates::url;
use super::{facets, fields};
use crate::answers::search::{Query, samples, search};
use crate::catalog::page_record::Run;
use crate::dialect::version::Version;
use crate::package::Facts;
use proptest::prelude::*;
use std::sync::Arc;

fn links() -> Links {
    let known = ["img/a.png", "img/b c.svg", "docs/more.md", "manifest.yml"].map(str::to_owned);
    let pages = [("docs/more.md".to_owned(), "docs/more.html".to_owned())];
    Links {
        files: "../../../package/acme/1.0.0/".to_owned(),
        folder: "docs".to_owned(),
        shift: 2,
        known: Arc::new(known.into()),
        pages: Arc::new(pages.into()),
    }
}

#[test]
fn markdown_becomes_harmless_html() {
    let cases = [
        (
            "# A *b* `c`!\n\n## A b c",
            "<h3 id=\"doc-a-b-c\">A <em>b</em> <code>c</code>!</h3>\n<h4 id=\"doc-a-b-c-1\">A b c</h4>\n",
        ),
        ("[up](#a-b-c)", "<p><a href=\"#doc-a-b-c\" rel=\"noopener noreferrer\">up</a></p>\n"),
        (
            "![A](../img/a.png)",
            "<p><img loading=\"lazy\" src=\"../../../package/acme/1.0.0/img/a.png\" alt=\"A\"></p>\n",
        ),
        (
            "![B](/img/b%20c.svg \"t\")",
            "<p><img loading=\"lazy\" src=\"../../../package/acme/1.0.0/img/b%20c.svg\" alt=\"B\" title=\"t\"></p>\n",
        ),
        // Pictures from elsewhere, or from nowhere, leave their text.
        ("![C](https://example.invalid/c.png)", "<p><img loading=\"lazy\" alt=\"C\"></p>\n"),
        ("![D](//example.invalid/d.png)", "<p><img loading=\"lazy\" alt=\"D\"></p>\n"),
        ("![E](../../../other/1.0.0/img/a.png)", "<p><img loading=\"lazy\" alt=\"E\"></p>\n"),
        ("![F](data:image/svg+xml,x)", "<p><img loading=\"lazy\" alt=\"F\"></p>\n"),
        // Links to pages of ours, to files, out, and to nothing.
        (
            "[m](more.md#x) [n](../manifest.yml)",
            "<p><a href=\"docs/more.html#doc-x\" rel=\"noopener noreferrer\">m</a> <a href=\"../../../package/acme/1.0.0/manifest.yml\" rel=\"noopener noreferrer\">n</a></p>\n",
        ),
        (
            "<https://example.invalid/>",
            "<p><a href=\"https://example.invalid/\" rel=\"noopener noreferrer\">https://example.invalid/</a></p>\n",
        ),
        (
            "[x](javascript:alert(1)) [y](nowhere.md)",
            "<p><a rel=\"noopener noreferrer\">x</a> <a rel=\"noopener noreferrer\">y</a></p>\n",
        ),
        (
            "[x](JaVaScRiPt:alert(1)) [y](&#106;avascript:alert(1))",
            "<p><a rel=\"noopener noreferrer\">x</a> <a rel=\"noopener noreferrer\">y</a></p>\n",
        ),
        // Raw HTML.
        ("<script>alert(1)</script>text", "text"),
        ("a <img src=x onerror=alert(1)> b", "<p>a <img loading=\"lazy\" alt=\"\"> b</p>\n"),
        ("<p style=\"x\" onclick=\"y\" class=\"z\" id=\"main\">a</p>", "<p>a</p>"),
        ("<iframe src=\"https://example.invalid\"></iframe><form action=x><input name=y></form>", ""),
        ("<svg><script>alert(1)</script></svg><math><mi>x</mi></math>", "<p></p>\n"),
        ("<a href=\"#x\" target=_blank>a</a>", "<p><a href=\"#doc-x\" rel=\"noopener noreferrer\">a</a></p>\n"),
        // What is wrapped around tables must not end a value that only looks like one.
        ("<p title='<table><script>'>a</p>", "<p title=\"&lt;table&gt;&lt;script&gt;\">a</p>"),
        (
            "<img src=\"../img/a.png\" title=\"x alt=y>\">",
            "<img loading=\"lazy\" alt=\"\" src=\"../../../package/acme/1.0.0/img/a.png\" title=\"x alt=y&gt;\">",
        ),
        ("<base href=\"https://example.invalid/\"><meta http-equiv=refresh content=0>", ""),
        ("`</code><script>`", "<p><code>&lt;/code&gt;&lt;script&gt;</code></p>\n"),
        ("```\na < b\n```", "<pre tabindex=\"0\"><code>a &lt; b\n</code></pre>\n"),
        (
            "|a|\n|-:|\n|b|",
            "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table\"><table><thead><tr><th>a</th></tr></thead><tbody>\n<tr><td>b</td></tr>\n</tbody></table></div>\n",
        ),
        (
            "<table border=1 width=5><tr><td>a</td></tr></table>",
            "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table\"><table><tbody><tr><td>a</td></tr></tbody></table></div>",
        ),
    ];
    let wrong = cases.iter().filter(|(text, expected)| render(text, &links()) != *expected);
    let wrong: Vec<_> =
        wrong.map(|(text, expected)| format!("{text}\n= {}\n≠ {expected}\n", render(text, &links()))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_too_deep_is_shown_as_it_is() {
    let deep = |count: usize| render(&format!("{}a", "<div>".repeat(count)), &links());
    assert!(deep(200).starts_with("<div><div>"));
    assert!(deep(201).starts_with("<pre tabindex=\"0\">&lt;div&gt;"), "{}", &deep(201)[..80]);
    // Many beside each other are no matter.
    let flat = "<div>a</div>\n\n- b\n".repeat(500);
    assert!(render(&flat, &links()).starts_with("<div>a</div>"));
}

/// Long, deep and unfinished texts end, and end soon.
#[test]
fn no_text_takes_a_page_down() {
    for piece in
        ["> ", "- ", "*", "[", "![", "<div>", "<b><i>", "`", "| a ", "&#", "1. ", "<table><tr><td>", "[a](", "\\"]
    {
        let text = piece.repeat(20_000);
        let start = std::time::Instant::now();
        render(&text, &links());
        assert!(start.elapsed().as_secs() < 20, "{piece}: {:?}", start.elapsed());
    }
}

proptest! {
    #[test]
    fn nothing_that_runs_comes_through(pieces in prop::collection::vec(
        prop::sample::select(vec![
            "<script>", "</script>", "<img src=", "\"", "'", ">", "<", "onerror=alert(1)", " ", "javascript:alert(1)", "](", "[",
            "![", ")", "<svg/onload=alert(1)>", "<a href=", "<style>", "</style>", "<!--", "-->", "<![CDATA[", "]]>", "\n", "`",
            "<math>", "<mtext>", "<table>", "<noscript>", "<textarea>", "<title>", "&lt;", "&#x3c;", "\0", "<p id=main ", "style=x", "<p title=\"", "<table>",
        ]), 0..24)) {
        let html = render(&pieces.concat(), &links()).to_ascii_lowercase();
        // Of what looks like a tag everything is an element on the list, with attributes on the list.
        for tag in html.split('<').skip(1).map(|rest| rest.split('>').next().unwrap_or_default()) {
            let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
            prop_assert!(!["script", "style", "svg", "math", "iframe", "textarea", "noscript", "title"].contains(&name.as_str()), "{html}");
            let bare: String = tag.split('"').step_by(2).collect();
            prop_assert!(!bare.contains(" on") && !bare.contains(" style") && !tag.contains("href=\"javascript"), "{html}");
        }
    }

    /// The runs say what `search` says, whatever the Kibana.
    #[test]
    fn runs_are_what_kibana_gets(
        constraints in prop::collection::vec(prop::sample::select(vec![
            "^7.14.0", "^7.16.0_||_^8.0.0", "^8.0.0", "~8.11.2", "^8.17.3_||_^9.0.0", ">=8.19.0", "^9.1.0", "*",
        ]), 1..6),
        specs in prop::collection::vec(prop::sample::select(vec!["1.0", "2.3", "3.0", "3.2", "3.4", "3.6"]), 6),
        kibana in prop::sample::select(vec![
            [0, 0, 1], [7, 14, 0], [7, 17, 9], [8, 5, 3], [8, 6, 0], [8, 11, 1], [8, 11, 2], [8, 12, 0], [8, 15, 3], [8, 17, 2],
            [8, 17, 3], [8, 19, 5], [9, 0, 0], [9, 1, 4], [9, 4, 0], [10, 0, 0], [99, 0, 0],
        ]),
        prerelease: bool,
    ) {
        let line = |(at, constraint): (usize, &&str)| {
            let pre = if at % 3 == 2 { "-beta" } else { "" };
            format!("p 1.{at}.0{pre} kibana={constraint} spec={}\n", specs[at])
        };
        let catalog: Vec<Facts> = samples::catalog(&constraints.iter().enumerate().map(line).collect::<String>());
        let found = runs(&catalog.iter().collect::<Vec<_>>(), prerelease);
        let gets = found.iter().take_while(|run| run.from <= kibana).last().and_then(|run| run.version.clone());
        // As the clients of that Kibana ask; written down here once more.
        let (spec_min, spec_max) = match kibana {
            [0..=7, ..] | [8, 0..=10, _] => (None, None),
            [8, 11..=15, _] => (None, Some("3.0")),
            [8, 16..=18, _] => (None, Some("3.3")),
            [8, ..] => (None, Some("3.4")),
            [9, 0, _] => (Some("2.3"), Some("3.3")),
            [9, 1, _] => (Some("2.3"), Some("3.4")),
            [9, 2 | 3, _] => (Some("2.3"), Some("3.5")),
            _ => (Some("2.3"), Some("3.6")),
        };
        let query = Query {
            kibana: Some(Version::release(kibana)),
            prerelease,
            experimental: kibana < [8, 6, 0],
            spec_min: spec_min.map(samples::spec),
            spec_max: spec_max.map(samples::spec),
            ..Query::default()
        };
        let expected = search(&catalog, &query).first().map(|hit| catalog[hit.index].version.to_string());
        prop_assert_eq!(gets, expected, "{:?} of {:?}", kibana, found);
    }
}

#[test]
fn runs_tell_only_changes() {
    let catalog = samples::catalog("p 1.0.0 kibana=^8.0.0 spec=1.0\np 1.1.0 kibana=^8.17.3 spec=1.0");
    let expected = [([0, 0, 0], None), ([8, 0, 0], Some("1.0.0")), ([8, 17, 3], Some("1.1.0")), ([9, 0, 0], None)];
    let expected = expected.map(|(from, version)| Run { from, version: version.map(str::to_owned) });
    assert_eq!(runs(&catalog.iter().collect::<Vec<_>>(), false), expected);
}

#[test]
fn change_logs_are_read_as_far_as_they_go() {
    let text = "- version: 1.1\n  changes:\n  - {type: bugfix, description: ' a <b> ', link: 'javascript:x'}\n  - {link: https://example.invalid}\n- nothing\n- version: 1.0.0\n";
    let releases = changelog::read(text.as_bytes());
    let change = Change { kind: "bugfix".to_owned(), description: "a <b>".to_owned(), link: None };
    assert_eq!((releases[0].version.as_str(), &releases[0].changes), ("1.1", &vec![change]));
    assert_eq!((releases[1].version.as_str(), releases[1].changes.len(), releases.len()), ("1.0.0", 0, 2));
    for odd in ["", "a: b", "[", "- version: {}", "\0"] {
        assert!(changelog::read(odd.as_bytes()).is_empty(), "{odd}");
    }
}

#[test]
fn fields_are_flat() {
    let text = "- name: a\n  type: group\n  fields:\n  - {name: b.c, type: long, unit: byte, metric_type: gauge, description: ' d '}\n  - {name: e, external: ecs}\n- {name: '@timestamp', type: date}\n- {type: long}\n- x\n";
    let mut found = Vec::new();
    fields::read(text.as_bytes(), &mut found);
    let lines: Vec<_> =
        found.iter().map(|field| [&*field.name, &*field.kind, &*field.description, &*field.unit].join("|")).collect();
    assert_eq!(lines, ["a.b.c|long|d|byte, gauge", "a.e|ecs||", "@timestamp|date||"]);
}

#[test]
fn addresses_cannot_end_early() {
    assert_eq!(url("package/a/1.0.0+b/img/x y\"#?%<é.svg"), "package/a/1.0.0+b/img/x%20y%22%23%3F%25%3C%C3%A9.svg");
}

#[test]
fn categories_stand_below_their_parents() {
    let tree = facets::category_tree(["web", "observability", "web", "security", "unheard_of"]);
    let text = |choice: &facets::Choice| {
        let below: Vec<_> = choice.below.iter().map(|inner| format!("{} {}", inner.title, inner.count)).collect();
        format!("{} {} [{}]", choice.title, choice.count, below.join(", "))
    };
    let lines: Vec<_> = tree.iter().map(text).collect();
    assert_eq!(lines, ["Observability 1 [Web Server 2]", "Security 1 []", "unheard_of 1 []"]);
}
