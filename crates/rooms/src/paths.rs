//! The paths that source code mentions: imports, expressions, types, arguments of macros and strings in attributes.

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, LitStr, UseTree, Visibility};

/// A path as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Mention {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    pub(crate) kind: Kind,
}

/// What a path is written for.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// An import under a name; `is_public` if it is handed on.
    Import { alias: String, is_public: bool },
    /// `use path::*`
    Glob,
    /// Anything else in code.
    Code,
}

/// All paths of an item.
pub(crate) fn mentions(item: &Item) -> Vec<Mention> {
    let mut collector = Collector(Vec::new());
    collector.visit_item(item);
    collector.0
}

/// Returns true if the item is compiled for tests only.
pub(crate) fn is_test(item: &Item) -> bool {
    let attributes = match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => return false,
    };
    is_for_tests(attributes)
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.meta.require_list().map(|list| list.tokens.to_string().replace(' ', ""));
        attribute.path().is_ident("cfg") && condition.is_ok_and(|it| it == "test" || it.starts_with("all(test,"))
    })
}

struct Collector(Vec<Mention>);

impl Collector {
    fn path(&mut self, path: &syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
            self.0.push(Mention { segments, line: path.span().start().line, kind: Kind::Code });
        }
    }

    fn import(&mut self, tree: &UseTree, prefix: &[String], is_public: bool) {
        let line = tree.span().start().line;
        let with = |name: &syn::Ident| {
            let itself = name == "self" && !prefix.is_empty();
            prefix.iter().cloned().chain((!itself).then(|| name.unraw().to_string())).collect::<Vec<_>>()
        };
        match tree {
            UseTree::Path(path) => self.import(&path.tree, &with(&path.ident), is_public),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, prefix, is_public)),
            UseTree::Glob(_) => self.0.push(Mention { segments: prefix.to_vec(), line, kind: Kind::Glob }),
            UseTree::Name(name) => {
                let segments = with(&name.ident);
                let alias = segments.last().cloned().unwrap_or_default();
                self.0.push(Mention { segments, line, kind: Kind::Import { alias, is_public } });
            }
            UseTree::Rename(rename) => {
                let alias = rename.rename.unraw().to_string();
                self.0.push(Mention { segments: with(&rename.ident), line, kind: Kind::Import { alias, is_public } });
            }
        }
    }

    /// Macros are not expanded, so every run of names joined by `::` counts as a path.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_colon =
            |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(first) => {
                    let is_field = at > 0 && matches!(&tokens[at - 1], TokenTree::Punct(mark) if mark.as_char() == '.');
                    let mut segments = vec![first.unraw().to_string()];
                    while is_colon(tokens.get(at + 1))
                        && is_colon(tokens.get(at + 2))
                        && let Some(TokenTree::Ident(next)) = tokens.get(at + 3)
                    {
                        segments.push(next.unraw().to_string());
                        at += 3;
                    }
                    if !is_field {
                        self.0.push(Mention { segments, line: first.span().start().line, kind: Kind::Code });
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// Paths in strings, as in `#[serde(with = "...")]`.
    fn strings(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.strings(group.stream()),
                TokenTree::Literal(literal) => {
                    let text = syn::parse_str::<LitStr>(&literal.to_string());
                    if let Ok(path) = text.and_then(|text| text.parse::<syn::Path>()) {
                        let segments = path.segments.iter().map(|segment| segment.ident.unraw().to_string()).collect();
                        self.0.push(Mention { segments, line: literal.span().start().line, kind: Kind::Code });
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            _ => return visit::visit_impl_item(self, item),
        };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if item.leading_colon.is_none() {
            self.import(&item.tree, &[], !matches!(item.vis, Visibility::Inherited));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.path(path);
        visit::visit_path(self, path);
    }

    /// `pub(in path)` names a place, and uses nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.path(&called.path);
        self.tokens(called.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.strings(list.tokens.clone());
        }
    }
}
