//! A small site with routing tables that tell apart whatever tables can tell apart. Every file holds its own path.

use epr_build::answers::route::model::{Axis, Node, Profile, Routes, Start, Unkeyed};
use epr_build::answers::route::walk::{boundary_label, capabilities_label, spec_label};
use epr_build::base::file_notes::FileNotes;
use epr_build::base::media::{self, FAVICON};
use epr_build::dialect::version::{Constraint, Version};
use epr_build::package::{DiscoveryFacts, Facts, Release, Spec, TemplateFacts};
use std::borrow::Cow;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The folder of the generation, which `current` points to.
pub(super) const GENERATION: &str = "generation-1";

pub(super) struct Site {
    /// Holds `current` and the generation.
    pub(super) folder: TempDir,
    pub(super) routes: Routes,
    pub(super) notes: FileNotes,
}

/// A small generator of numbers that look random and are the same in every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below the limit.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Files of packages: path and content.
const FILES: &[(&str, &[u8])] = &[
    ("/package/nginx/1.2.3/manifest.yml", b"name: nginx"),
    ("/package/nginx/1.2.3/docs/README.md", b"# nginx"),
    ("/package/nginx/1.2.3/img/logo.SVG", b"<svg/>"),
    ("/package/nginx/1.2.3/agent/stream.yml.hbs", b"{{#if a}}"),
    ("/package/nginx/1.2.3/font", b"wOF2..."),
    ("/package/nginx/1.2.3/Font", b"plain"),
    ("/package/nginx/1.2.3/page", b"<html >"),
    ("/package/nginx/1.2.3/PAGE", b"\0\x01\x02"),
    ("/package/nginx/1.2.3/a b$&\"{};%41.x", b"\x89PNG\r\n\x1a\n"),
    ("/package/nginx/1.2.3/.yml", b"a: b"),
    ("/package/nginx/1.2.3/dump.txt.gz", b"\x1f\x8b\x08"),
    ("/package/nginx/1.2.3/dump.txt", b"not the same"),
    ("/package/nginx/2.0.0-beta+1/manifest.yml", b"name: nginx"),
    ("/package/fo-o/1.0.0/manifest.yml", b"name: fo-o"),
];

impl Site {
    /// A site with tables that tell apart more than any real ones.
    pub(super) fn build() -> Self {
        Self::of(routes())
    }

    /// A site with these tables.
    pub(super) fn of(routes: Routes) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut notes = FileNotes { pages: true, ..FileNotes::default() };
        for (path, content) in FILES {
            notes.note(path, &epr_build::base::media::content_type(path, content));
        }
        let site = Self { folder, routes, notes };
        for (path, content) in FILES {
            site.write(path, content);
        }
        site.write("/package/nginx/1.2.3/manifest.yml.gz", b"compressed");
        for path in ["/ui/index.html", "/ui/app.js", "/ui/x/index.html", "/ui/x-1/a_b.json", "/ui/mark.svg", "/ui/none"]
        {
            site.write(path, path.as_bytes());
        }
        site.write("/ui/app.js.gz", b"packed");
        site.write("/index.json", b"{}\n");
        site.write("/index/packages.json", b"{\"packages\":[]}\n");
        site.write("/favicon.ico", FAVICON);
        site.write("/answers/empty.json", b"[]");
        site.write("/answers/empty-categories.json", b"[]\n");
        for version in ["1.2.3", "2.0.0-beta+1"] {
            site.write(&format!("/documents/nginx/{version}.json"), version.as_bytes());
            site.write(&format!("/epr/nginx/nginx-{version}.zip"), b"PK");
        }
        site.write("/documents/fo-o/1.0.0.json", b"dashed");
        site.write("/epr/nginx/nginx-1.2.3.zip.sig", b"signature");
        let starts = site.routes.subjects.values().map(|start| &start.node);
        let exact = site.routes.rows.values().flat_map(|rows| rows.exact.values().flat_map(|classes| classes.values()));
        let default = site.routes.rows.values().flat_map(|rows| rows.default.values());
        for node in starts.chain(exact).chain(default) {
            if let Node::Answer(path) = node {
                site.write(&format!("{path}.json"), path.as_bytes());
            }
        }
        let generation = site.folder.path().join(GENERATION);
        fs::write(generation.join("routes.json"), serde_json::to_string(&site.routes).unwrap()).unwrap();
        fs::write(generation.join("files.json"), serde_json::to_string(&site.notes).unwrap()).unwrap();
        std::os::unix::fs::symlink(GENERATION, site.folder.path().join("current")).unwrap();
        site
    }

    fn write(&self, path: &str, content: &[u8]) {
        let file = self.root().join(&path[1..]);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    pub(super) fn root(&self) -> std::path::PathBuf {
        self.folder.path().join(GENERATION).join("site")
    }

    /// Content and type of a file that the site serves.
    pub(super) fn read(&self, path: &str) -> Option<(Vec<u8>, Cow<'static, str>)> {
        if path.starts_with("/package/") && self.notes.is_copy(path) {
            return None;
        }
        let file = self.root().join(Path::new(path).strip_prefix("/").ok()?);
        let content = file.is_file().then(|| fs::read(file).unwrap())?;
        let media = media::content_type(path, &content);
        Some((content, media))
    }
}

/// Packages by chance, for tables made as the program makes them.
pub(super) fn catalog() -> Vec<Facts> {
    let mut dice = Dice::new(5);
    let constraints =
        ["^7.17.6 || ^8.0.0", "^8.2.1", "~8.11.2", ">=8.19.100", "^9.5.3 || ^9.5.4-0", "^8.0.0 || ^9.1.0"];
    let mut catalog = Vec::new();
    for name in ["0", "apache_2", "nginx", "zeek"] {
        for version in ["0.9.0", "1.0.0", "1.1.0-beta1", "1.2.3", "2.0.0-next", "2.0.0"] {
            let mut maybe = |items: &[&str]| (dice.below(3) > 0).then(|| (*dice.pick(items)).to_owned());
            let mut constraint = || maybe(&constraints).map(|text| Constraint::parse(&text).unwrap());
            catalog.push(Facts {
                name: name.to_owned(),
                version: Version::strict(version).unwrap(),
                kibana: constraint(),
                agent: constraint(),
                package_type: maybe(&["input", "Solution"]).unwrap_or("integration".to_owned()),
                release: if version.contains('-') { Release::Beta } else { Release::Ga },
                capabilities: maybe(&["apm", "Apm", "security"]).into_iter().collect(),
                categories: maybe(&["web", "security"]).into_iter().collect(),
                templates: vec![TemplateFacts { categories: maybe(&["web", "Web", "aws.x-Y"]).map(|id| vec![id]) }],
                spec: Spec { major: 2 + dice.below(2) as u64, minor: 3 * dice.below(2) as u64 },
                discovery: DiscoveryFacts::default(),
                deprecated: None,
            });
        }
    }
    catalog
}

/// Tables over all axes and modes: random trees, in which nodes have rows, defaults, both or neither.
fn routes() -> Routes {
    let kibana: Vec<[u64; 3]> = vec![
        [7, 0, 0],
        [7, 17, 6],
        [8, 0, 0],
        [8, 2, 1],
        [8, 11, 0],
        [8, 11, 2],
        [8, 19, 100],
        [8, 99, 999_999],
        [9, 5, 3],
        [9, 5, 4],
        [123_456_789_012, 3, 4],
    ];
    let mut routes = Routes {
        kibana_boundaries: kibana,
        agent_boundaries: vec![[8, 0, 0], [9, 1, 0]],
        specs: vec![[1, 0], [2, 3], [2, 10], [3, 0], [3, 5]],
        capabilities: ["Apm", "a-p.m", "apm", "observability", "security"].map(str::to_owned).to_vec(),
        // As if some packages named a category such as `no way`.
        unkeyed: Unkeyed { categories: true, types: false },
        ..Routes::default()
    };
    let mut dice = Dice::new(7);
    let labels = Axis::ALL.map(|axis| labels(&routes, axis));
    routes.kibana_profiles = profiles(&mut dice, &labels[0]);
    routes.spec_min_profiles = profiles(&mut dice, &labels[2]);
    routes.spec_max_profiles = profiles(&mut dice, &labels[3]);
    let mut next = 0;
    for mode in ["latest", "all", "legacy"] {
        let mut subjects: Vec<String> =
            ["package/nginx", "package/apache_2", "package/0"].map(|subject| format!("{mode}/{subject}")).to_vec();
        if mode != "legacy" {
            subjects.push(format!("{mode}/list"));
        }
        if mode != "all" {
            let more =
                ["category/web", "category/Web", "category/aws.x-Y", "category/no way", "type/input", "type/Solution"];
            subjects.extend(more.map(|subject| format!("{mode}/{subject}")));
            subjects.extend(["categories", "categories-templates"].map(|subject| format!("{mode}/{subject}")));
        }
        for subject in subjects {
            let (kibana, spec) = (dice.below(3) as u32, dice.below(3) as u32);
            let node = grow(&mut routes, &mut dice, &mut next, &labels, 0);
            routes.subjects.insert(subject, Start { node, kibana, spec });
        }
    }
    routes
}

fn labels(routes: &Routes, axis: Axis) -> Vec<String> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let versions = |boundaries: &[[u64; 3]]| {
        words(&["any", "pre", "0"]).into_iter().chain(boundaries.iter().copied().map(boundary_label)).collect()
    };
    match axis {
        Axis::Kibana => versions(&routes.kibana_boundaries),
        Axis::Agent => versions(&routes.agent_boundaries),
        Axis::SpecMin | Axis::SpecMax => {
            words(&["any", "none"]).into_iter().chain(routes.specs.iter().copied().map(spec_label)).collect()
        }
        Axis::Capabilities => [&["apm"][..], &["Apm"], &["Apm", "a-p.m", "security"], &[], &["apm", "observability"]]
            .iter()
            .map(|known| capabilities_label(known, routes.capabilities.len()))
            .chain(["any".to_owned()])
            .collect(),
        Axis::Prerelease => words(&["0", "1"]),
    }
}

fn profiles(dice: &mut Dice, labels: &[String]) -> Vec<Profile> {
    (0..3)
        .map(|_| Profile {
            exact: labels.iter().filter(|_| dice.below(2) == 0).map(|label| (label.clone(), label.clone())).collect(),
            default: dice.pick(labels).clone(),
        })
        .collect()
}

/// Grows a tree from an axis on and gives its first node.
fn grow(routes: &mut Routes, dice: &mut Dice, next: &mut u32, labels: &[Vec<String>; 6], at: usize) -> Node {
    if at == labels.len() {
        *next += 1;
        return match dice.below(12) {
            0 => Node::Empty,
            1 => Node::Refused,
            _ => Node::Answer(format!("/answers/{}/a-{next}", ["list", "Package", "x.y+z"][dice.below(3)]).into()),
        };
    }
    if dice.below(4) == 0 {
        return grow(routes, dice, next, labels, at + 1);
    }
    *next += 1;
    let node = *next;
    let keeps_default = dice.below(5) > 0 || at == 5;
    let classes: Vec<_> = (0..1 + dice.below(3)).map(|_| dice.pick(&labels[at]).clone()).collect();
    for class in classes {
        let child = grow(routes, dice, next, labels, at + 1);
        routes.rows.entry(Axis::ALL[at]).or_default().exact.insert(node, &class, child);
    }
    let child = grow(routes, dice, next, labels, at + 1);
    if keeps_default {
        routes.rows.entry(Axis::ALL[at]).or_default().default.insert(node, child);
        return Node::Step(node);
    }
    // Without a default every class needs a row, or the walk would end in the middle.
    for class in &labels[at] {
        let rows = &mut routes.rows.entry(Axis::ALL[at]).or_default().exact;
        if rows.get(&node).and_then(|rows| rows.get(class)).is_none() {
            rows.insert(node, class, child.clone());
        }
    }
    routes.rows.entry(Axis::ALL[at]).or_default().default.insert(node, Node::Refused);
    Node::Step(node)
}
