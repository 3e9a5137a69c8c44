//! The configuration for Apache httpd: the reference router as rewriting rules, the routing tables as maps of exact keys.
//!
//! Rules run from top to bottom and pass values on in environment variables; those that a request does not need are
//! skipped by their number, which is counted here. A map of text is searched from its beginning for each key that was not
//! looked up before, so keys that are often new should lie in small maps. Knows nothing of disks.

use super::shared::escape::escape;
use super::shared::options::HostOptions;
use super::shared::package_files::notes_by_path;
use super::shared::patterns::literal;
use super::shared::tables::request_values;
use super::shared::templates::{self, Template};
use super::shared::texts::option_values;
use crate::answers::route::model::Routes;
use crate::base::file_notes::FileNotes;
use crate::base::media;
use crate::config::fallback::Fallback;
use minijinja::{Value, context};

/// The file of the rules.
const RULES_FILE: &str = "registry.conf";
/// Templates by the name of the file they make.
const TEMPLATES: [Template; 4] = [
    ("README.md", include_str!("../../../templates/apache/README.md")),
    ("httpd.conf", include_str!("../../../templates/apache/httpd.conf")),
    (RULES_FILE, include_str!("../../../templates/apache/registry.conf")),
    ("virtual-host.conf.in", include_str!("../../../templates/apache/virtual-host.conf.in")),
];
/// Sent when the fallback does not answer.
const DOWN: Template = ("fallback.asis", include_str!("../../../templates/apache/fallback.asis"));
/// Modules that are loaded, and further ones for a fallback, and for one that is asked by HTTPS.
const MODULES: [&str; 5] = ["mpm_event", "alias", "authz_core", "headers", "rewrite"];
const PROXY_MODULES: [&str; 3] = ["asis", "proxy", "proxy_http"];
const TLS_MODULES: [&str; 2] = ["socache_shmcb", "ssl"];
/// Stands before the name of a section of the rules.
const SECTION: &str = "\n#-- ";
/// Stands for the number of rules behind the first one.
const RULES: &str = "@rules@";
/// Placeholders for the number of rules in a section, and the name of that section.
const SKIPPED: [(&str, &str); 3] =
    [("@paths@", "paths"), ("@searches@", "what is searched"), ("@counts@", "what is counted")];

/// Makes the files of the folder `hosts/apache`: name and content.
///
/// # Errors
/// When a template is broken, or the prefix is no path.
pub fn render(routes: &Routes, options: &HostOptions) -> anyhow::Result<Vec<(String, String)>> {
    let values = context! { ..server_values(options)?, ..request_values(routes) };
    let mut files = vec![("files.map".to_owned(), files(&options.notes)), ("types.map".to_owned(), types())];
    if !options.fallback.is_off() {
        files.push((DOWN.0.to_owned(), templates::render("Apache", DOWN, &values)?));
    }
    for (name, text) in templates::render_all("Apache", &TEMPLATES, &values)? {
        let text = if name == RULES_FILE { with_own_maps(&count_rules(text), &options.slug()) } else { text };
        files.push((name, text));
    }
    Ok(files)
}

fn server_values(options: &HostOptions) -> anyhow::Result<Value> {
    let state = options.state_of_address() + "-apache";
    let folder = state.rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned();
    Ok(context! {
        prefix_pattern => literal(options.plain_prefix()?),
        state,
        modules => modules(&options.fallback),
        // The headers of errors are not added to what the fallback says.
        unless_passed => if options.fallback.is_off() { "" } else { " && -z reqenv('EPR_FALLBACK')" },
        folder,
        lasting => if options.notes.immutable { "E=EPR_IMMUTABLE:1" } else { "E=EPR_AGE:600" },
        ..option_values(options)
    })
}

fn modules(fallback: &Fallback) -> Vec<&'static str> {
    let mut modules = MODULES.to_vec();
    match fallback {
        Fallback::Off => {}
        Fallback::Address { tls: true, .. } => modules.extend(PROXY_MODULES.iter().chain(&TLS_MODULES)),
        Fallback::Address { .. } | Fallback::Socket(_) => modules.extend(PROXY_MODULES),
    }
    modules
}

/// Gives the maps names of their own for each distribution, so that one virtual host can have the rules of several.
fn with_own_maps(text: &str, slug: &str) -> String {
    text.replace("RewriteMap epr_", &format!("RewriteMap epr_{slug}_")).replace("${epr_", &format!("${{epr_{slug}_"))
}

/// Writes the number of rules of a section wherever one is skipped.
fn count_rules(mut text: String) -> String {
    let count = |text: &str| text.lines().filter(|line| line.starts_with("RewriteRule ")).count();
    if let Some((_, rest)) = text.split_once(RULES) {
        text = text.replace(RULES, &count(rest).to_string());
    }
    for (mark, name) in SKIPPED {
        let heading = format!("{SECTION}{name}\n");
        let Some((_, section)) = text.split_once(&heading) else { continue };
        let section = section.split(SECTION).next().unwrap_or(section);
        text = text.replace(mark, &count(section).to_string());
    }
    text
}

/// A content type without blanks, which the values of maps cannot hold.
fn dense(content_type: &str) -> String {
    content_type.replace(' ', "")
}

/// Content types by extension.
fn types() -> String {
    media::EXTENSIONS.iter().map(|(extension, name)| format!("{extension} {}\n", dense(name))).collect()
}

/// The exceptions of [`notes_by_path`]; the keys are escaped as `int:escape` does.
///
/// Versions of httpd differ about semicolons, so that a path with one is listed in both spellings.
fn files(notes: &FileNotes) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "$-_.+!*'(),:;@&=/~".contains(letter);
    let mut text = String::new();
    for (path, note) in notes_by_path(notes) {
        let key = escape(path, is_plain, |byte| format!("%{byte:02x}"));
        if key.contains(';') {
            text.extend([&key.replace(';', "%3b"), " ", &dense(&note), "\n"]);
        }
        text.extend([&key, " ", &dense(&note), "\n"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    // A number that is wrong by one would let a request run into rules that are not meant for it.
    #[test]
    fn sections_are_skipped_by_the_number_of_their_rules() {
        let text = "RewriteRule z - [S=@rules@]\nRewriteRule a - [S=@paths@]\n#-- paths\nRewriteRule b\nRewriteCond c\nRewriteRule d\n#-- queries\nRewriteRule e";
        assert!(count_rules(text.to_owned()).starts_with("RewriteRule z - [S=4]\nRewriteRule a - [S=2]\n"));
        let files = render(&Routes::default(), &HostOptions::default()).unwrap();
        assert!(files.iter().all(|(_, text)| !text.contains("=@")));
    }

    #[test]
    fn keys_and_values_of_files_hold_no_blanks() {
        let mut notes = FileNotes::default();
        notes.note("/package/a/1.0.0/a b%\n", "text/html; charset=utf-8");
        notes.note("/package/a/1.0.0/b;", "image/png");
        assert_eq!(
            files(&notes),
            "/package/a/1.0.0/a%20b%25%0a ;text/html;charset=utf-8\n\
             /package/a/1.0.0/b%3b ;image/png\n/package/a/1.0.0/b; ;image/png\n"
        );
    }
}
