//! The modules of a crate, and what a path in one of them stands for.

use crate::paths::{self, Kind, Mention};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use syn::Item;

/// A place in [`Crate::modules`]; the first is the crate's root.
pub(crate) type ModuleId = usize;
/// A place in [`Crate::files`]; the first is the crate's root.
pub(crate) type FileId = usize;

/// Modules and files of a crate, those for tests left out.
#[derive(Debug, Default)]
pub(crate) struct Crate {
    pub(crate) modules: Vec<Module>,
    pub(crate) files: Vec<File>,
}

#[derive(Debug)]
pub(crate) struct Module {
    pub(crate) name: String,
    pub(crate) parent: Option<ModuleId>,
    pub(crate) file: FileId,
    /// In the order of their declaration.
    pub(crate) children: Vec<ModuleId>,
    pub(crate) mentions: Vec<Mention>,
    items: BTreeSet<String>,
    /// True if a macro is called among the items: it may define any name.
    has_macro_call: bool,
}

#[derive(Debug)]
pub(crate) struct File {
    /// Below the source folder.
    pub(crate) path: PathBuf,
    /// The module that the file is.
    pub(crate) module: ModuleId,
}

/// What a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Definition {
    Module(ModuleId),
    /// Something that the module defines.
    Item(ModuleId),
}

/// Imports that lead to each other are no names; longer chains than this do not occur.
const LONGEST_CHAIN: usize = 32;

impl Crate {
    /// Reads a source folder, from its `lib.rs` on.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let mut read = Self::default();
        read.file(folder, Path::new("lib.rs"), Path::new(""), String::new(), None)?;
        Ok(read)
    }

    /// Reads a file as a module; those below it lie in the folder `below`.
    fn file(
        &mut self,
        folder: &Path,
        path: &Path,
        below: &Path,
        name: String,
        parent: Option<ModuleId>,
    ) -> Result<ModuleId> {
        let full = folder.join(path);
        let text = fs::read_to_string(&full).with_context(|| format!("cannot read {}", full.display()))?;
        let parsed = syn::parse_file(&text).with_context(|| format!("cannot parse {}", full.display()))?;
        self.files.push(File { path: path.to_owned(), module: self.modules.len() });
        self.module(folder, self.files.len() - 1, below, name, parent, &parsed.items)
    }

    fn module(
        &mut self,
        folder: &Path,
        file: FileId,
        below: &Path,
        name: String,
        parent: Option<ModuleId>,
        items: &[Item],
    ) -> Result<ModuleId> {
        let id = self.modules.len();
        self.modules.push(Module {
            name,
            parent,
            file,
            children: Vec::new(),
            mentions: Vec::new(),
            items: BTreeSet::new(),
            has_macro_call: false,
        });
        for item in items.iter().filter(|item| !paths::is_test(item)) {
            if let Item::Mod(child) = item {
                let name = child.ident.to_string();
                let inner = below.join(&name);
                let child = match &child.content {
                    Some((_, items)) => self.module(folder, file, &inner, name, Some(id), items)?,
                    None => {
                        let alone = below.join(format!("{name}.rs"));
                        let path = if folder.join(&alone).exists() { alone } else { inner.join("mod.rs") };
                        self.file(folder, &path, &inner, name, Some(id))?
                    }
                };
                self.modules[id].children.push(child);
            } else {
                self.modules[id].items.extend(defined(item));
                self.modules[id].has_macro_call |= matches!(item, Item::Macro(called) if called.ident.is_none());
                self.modules[id].mentions.extend(paths::mentions(item));
            }
        }
        Ok(id)
    }

    /// What a path that is written in `module` stands for; nothing if it leads to another crate.
    pub(crate) fn resolve(&self, module: ModuleId, segments: &[String]) -> Option<Definition> {
        self.resolve_in(module, segments, true, 0)
    }

    /// `is_last` says that nothing follows the path, so that its end may be anything; else modules go first.
    fn resolve_in(&self, module: ModuleId, segments: &[String], is_last: bool, chain: usize) -> Option<Definition> {
        let mut at = module;
        let mut found = None;
        for (position, name) in segments.iter().enumerate() {
            let is_last = is_last && position + 1 == segments.len();
            let next = match name.as_str() {
                "crate" => Definition::Module(0),
                "self" => Definition::Module(at),
                "super" => Definition::Module(self.modules[at].parent?),
                name => self.lookup(at, name, is_last, chain)?,
            };
            found = Some(next);
            match next {
                Definition::Module(next) => at = next,
                Definition::Item(_) => break,
            }
        }
        found
    }

    fn lookup(&self, at: ModuleId, name: &str, is_last: bool, chain: usize) -> Option<Definition> {
        let module = &self.modules[at];
        let item = module.items.contains(name).then_some(Definition::Item(at));
        let child = module.children.iter().find(|child| self.modules[**child].name == name).copied();
        let child = child.map(Definition::Module);
        let defined = if is_last { item.or(child) } else { child.or(item) };
        if defined.is_some() || chain > LONGEST_CHAIN {
            return defined;
        }
        let import = |mention: &Mention| match &mention.kind {
            Kind::Import { alias, .. } if alias == name => {
                let found = self.resolve_in(at, &mention.segments, is_last, chain + 1);
                // What another crate defines counts for the file that hands it on.
                let is_foreign = !["crate", "self", "super"].contains(&mention.segments[0].as_str());
                found.or_else(|| is_foreign.then_some(Definition::Item(at)))
            }
            _ => None,
        };
        let glob = |mention: &Mention| match (&mention.kind, chain) {
            (Kind::Glob, ..LONGEST_CHAIN) => match self.resolve_in(at, &mention.segments, false, chain + 1)? {
                Definition::Module(source) if source != at => self.lookup(source, name, is_last, chain + 1),
                _ => None,
            },
            _ => None,
        };
        let imported = module.mentions.iter().find_map(import).or_else(|| module.mentions.iter().find_map(glob));
        imported.or_else(|| module.has_macro_call.then_some(Definition::Item(at)))
    }

    /// The module and all those it lies in, innermost first.
    pub(crate) fn lineage(&self, module: ModuleId) -> impl Iterator<Item = ModuleId> {
        std::iter::successors(Some(module), |module| self.modules[*module].parent)
    }

    /// The module below the crate's root in which a file lies; nothing for the root itself.
    pub(crate) fn room(&self, file: FileId) -> Option<ModuleId> {
        self.lineage(self.files[file].module).find(|module| self.modules[*module].parent == Some(0))
    }
}

/// The name that an item gives to its module.
fn defined(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
