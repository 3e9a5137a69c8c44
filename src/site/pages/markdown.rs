//! Markdown of packages as HTML that is safe to put into a page of ours.
//!
//! Two stages: CommonMark with tables becomes HTML, and everything in that which is not on a list of harmless elements and
//! attributes goes, wherever it came from. Pictures are loaded from the package only; links lead to the package's files,
//! to another place of the page, or out with no word about where they were followed from.

use super::templates::url;
use ammonia::{Builder, UrlRelative};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Longer texts are not rendered: a page that no browser shows helps nobody.
pub(super) const LONGEST: u64 = 2 << 20;
/// A text with elements deeper in each other than this is shown as it is: the time to read one grows with the square of it.
const DEEPEST: usize = 200;
/// Elements that need no end.
const ENDLESS: [&str; 14] =
    ["area", "br", "col", "dd", "dt", "hr", "img", "input", "li", "p", "source", "td", "th", "tr"];
/// Around tables.
const SCROLL: &str = "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"Table\">";
/// Before anchors inside documents, so that they cannot take names of the page.
const ANCHOR: &str = "doc-";
/// Where links of a document lead.
#[derive(Clone, Debug, Default)]
pub(super) struct Links {
    /// From the page to the folder of the package's files, with a slash at the end.
    pub(super) files: String,
    /// The folder of the document in the package.
    pub(super) folder: String,
    /// How many levels headings go down: the page has a title of its own.
    pub(super) shift: usize,
    /// Paths of all files of the package.
    pub(super) known: Arc<BTreeSet<String>>,
    /// Documents that have a page of their own: path in the package, address from this page.
    pub(super) pages: Arc<BTreeMap<String, String>>,
}

/// Renders a document.
pub(super) fn render(text: &str, links: &Links) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let events = with_anchors(Parser::new_ext(text, options).collect(), links.shift);
    let mut html = String::with_capacity(text.len() * 2);
    pulldown_cmark::html::push_html(&mut html, events.into_iter());
    if depth(&html) > DEEPEST {
        return format!("<pre tabindex=\"0\">{}</pre>", ammonia::clean_text(text));
    }
    let links = links.clone();
    let mut builder = Builder::default();
    builder
        .link_rel(Some("noopener noreferrer"))
        .url_schemes(["http", "https", "mailto"].into())
        .url_relative(UrlRelative::PassThrough)
        .add_tag_attributes("h1", ["id"])
        .add_tag_attributes("h2", ["id"])
        .add_tag_attributes("h3", ["id"])
        .add_tag_attributes("h4", ["id"])
        .add_tag_attributes("h5", ["id"])
        .add_tag_attributes("h6", ["id"])
        .rm_tag_attributes("table", ["align", "char", "charoff", "summary"])
        .rm_tag_attributes("img", ["align", "height", "width"])
        .generic_attributes(["lang", "title"].into())
        .attribute_filter(move |element, attribute, value| match (element, attribute) {
            ("img", "src") => links.picture(value).map(Cow::Owned),
            ("a", "href") => links.link(value),
            (_, "id") => Some(Cow::Owned(format!("{ANCHOR}{value}"))),
            (_, "cite" | "background" | "longdesc") => None,
            _ => Some(Cow::Borrowed(value)),
        });
    finish(&builder.clean(&html).to_string())
}

/// Adds what our pages want to safe HTML: what is wider than the page scrolls by itself, by keyboard too, and pictures wait
/// until they are seen. Looks at whole tags, whose values may hold anything between their quotes.
fn finish(safe: &str) -> String {
    let mut html = String::with_capacity(safe.len() + 256);
    let mut rest = safe;
    while let Some((text, after)) = rest.split_once('<') {
        html.push_str(text);
        let mut is_quoted = false;
        let end = after.bytes().position(|byte| {
            is_quoted ^= byte == b'"';
            byte == b'>' && !is_quoted
        });
        let Some((tag, after)) = end.map(|end| after.split_at(end + 1)) else { break };
        let name: String = tag.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '/').collect();
        match name.as_str() {
            "table" => html.extend([SCROLL, "<", tag]),
            "/table" => html.extend(["<", tag, "</div>"]),
            "pre" => html.extend(["<pre tabindex=\"0\"", &tag["pre".len()..]]),
            "img" => {
                let has_words = tag.split('"').step_by(2).any(|bare| bare.contains(" alt="));
                let words = if has_words { "" } else { " alt=\"\"" };
                html.extend(["<img loading=\"lazy\"", words, &tag["img".len()..]]);
            }
            _ => html.extend(["<", tag]),
        }
        rest = after;
    }
    // Without a `<` there is text alone; a tag without end, which safe HTML does not have, is left out.
    html.push_str(if rest.contains('<') { "" } else { rest });
    html
}

/// At least how deep elements lie in each other, told from their tags alone. Those that end without a tag of their own
/// do not count, and a tag that ends nothing is none.
fn depth(html: &str) -> usize {
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    let (mut depth, mut deepest) = (0, 0);
    for tag in html.split('<').skip(1) {
        let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        if name.is_empty() || ENDLESS.contains(&name.as_str()) {
            continue;
        }
        let count = open.entry(name).or_default();
        if !tag.starts_with('/') {
            *count += 1;
            depth += 1;
            deepest = deepest.max(depth);
        } else if *count > 0 {
            *count -= 1;
            depth -= 1;
        }
    }
    deepest
}

/// Moves headings down and gives them the anchors that links expect.
fn with_anchors(mut events: Vec<Event<'_>>, shift: usize) -> Vec<Event<'_>> {
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    for at in 0..events.len() {
        if !matches!(events[at], Event::Start(Tag::Heading { .. })) {
            continue;
        }
        let is_end = |event: &Event<'_>| matches!(event, Event::End(TagEnd::Heading(_)));
        let length = events[at..].iter().position(is_end).unwrap_or(0);
        let mut words = String::new();
        for event in &events[at..at + length] {
            if let Event::Text(text) | Event::Code(text) = event {
                words += text;
            }
        }
        let slug = unique(slug(&words), &mut used);
        if let Event::Start(Tag::Heading { level, id, .. }) = &mut events[at] {
            *level = lower(*level, shift);
            *id = Some(CowStr::from(slug));
        }
        if let Event::End(TagEnd::Heading(level)) = &mut events[at + length] {
            *level = lower(*level, shift);
        }
    }
    events
}

fn lower(level: HeadingLevel, shift: usize) -> HeadingLevel {
    HeadingLevel::try_from((level as usize + shift).min(6)).unwrap_or(HeadingLevel::H6)
}

/// The anchor of a heading, as source forges make it.
fn slug(words: &str) -> String {
    let letters = words.trim().chars().flat_map(char::to_lowercase);
    let kept = letters.filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).take(100).collect()
}

fn unique(slug: String, used: &mut BTreeMap<String, usize>) -> String {
    let count = used.entry(slug.clone()).or_default();
    *count += 1;
    if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
}

impl Links {
    /// The address of a picture of the package; others are not loaded.
    fn picture(&self, value: &str) -> Option<String> {
        self.inside(value).map(|path| format!("{}{}", self.files, url(&path)))
    }

    fn link<'u>(&self, value: &'u str) -> Option<Cow<'u, str>> {
        if let Some(anchor) = value.strip_prefix('#') {
            return Some(Cow::Owned(format!("#{ANCHOR}{}", anchor.to_lowercase())));
        }
        let lower = value.trim_start().to_ascii_lowercase();
        if ["http://", "https://", "mailto:"].iter().any(|scheme| lower.starts_with(scheme)) {
            return Some(Cow::Borrowed(value));
        }
        let (path, anchor) = value.split_once('#').unwrap_or((value, ""));
        let path = self.inside(path)?;
        let anchor = if anchor.is_empty() { String::new() } else { format!("#{ANCHOR}{}", url(anchor)) };
        Some(Cow::Owned(match self.pages.get(&path) {
            Some(page) => format!("{page}{anchor}"),
            None => format!("{}{}", self.files, url(&path)),
        }))
    }

    /// The file of the package that a relative address names, if there is one.
    fn inside(&self, value: &str) -> Option<String> {
        let value = value.split(['?', '#']).next().unwrap_or_default();
        let decoded = percent_decoded(value)?;
        let mut parts: Vec<&str> = Vec::new();
        if !decoded.starts_with('/') {
            parts.extend(self.folder.split('/').filter(|part| !part.is_empty()));
        }
        for part in decoded.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                part => parts.push(part),
            }
        }
        Some(parts.join("/")).filter(|path| self.known.contains(path))
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = tail;
    }
    String::from_utf8(bytes).ok()
}
