//! Names in a source file: its paths, its imports, the fields of its structs, its string literals.
//!
//! The file is lexed by `proc-macro2`, so comments and the contents of strings are ignored, and macros are read like
//! any other code. Items under `#[cfg(test)]` are skipped.

use std::collections::BTreeMap;
use std::str::FromStr as _;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A path of names, from the root of the crate where it is `Absolute`.
pub(super) type Path = Vec<String>;

/// One struct with the paths of its field types.
pub(super) struct Struct {
    pub(super) name: String,
    pub(super) types: Vec<Path>,
}

/// Names of one module. All paths start at the root of the crate, or with the name of another crate.
#[derive(Default)]
pub(super) struct Module {
    /// Every path in the code.
    pub(super) named: Vec<Path>,
    /// Every identifier.
    pub(super) identifiers: Vec<String>,
    /// Every string literal, as written.
    pub(super) strings: Vec<String>,
    /// Its structs.
    pub(super) structs: Vec<Struct>,
    /// Re-exports: `pub use` and type aliases, with their targets.
    pub(super) exports: BTreeMap<String, Vec<Path>>,
    /// Names bound by its imports.
    imports: BTreeMap<String, Path>,
    /// Types and modules that it declares.
    declared: Vec<String>,
}

/// Reads the module at `path` and the modules inside it.
pub(super) fn read(path: &[String], code: &str) -> Vec<(Path, Module)> {
    let tokens =
        TokenStream::from_str(code).unwrap_or_else(|error| panic!("{path:?} cannot be read: {error}"));
    let mut found = Vec::new();
    module(path, without_tests(tokens), &mut found);
    found
}

fn module(path: &[String], tokens: Vec<TokenTree>, found: &mut Vec<(Path, Module)>) {
    let mut module = Module::default();
    let rest = inner_modules(path, tokens, found);
    declarations(&rest, &mut module);
    imports(path, &rest, &mut module);
    walk(path, &rest, &mut module);
    structs(path, &rest, &mut module);
    aliases(path, &rest, &mut module);
    found.push((path.to_vec(), module));
}

/// The tokens without items that only tests compile.
fn without_tests(tokens: TokenStream) -> Vec<TokenTree> {
    let (mut kept, mut tokens) = (Vec::new(), tokens.into_iter().peekable());
    while let Some(token) = tokens.next() {
        let attribute = match (&token, tokens.peek()) {
            (TokenTree::Punct(punct), Some(TokenTree::Group(group))) if punct.as_char() == '#' => {
                group.to_string().replace(' ', "")
            }
            _ => String::new(),
        };
        if attribute == "[cfg(test)]" {
            tokens.next();
            for skipped in tokens.by_ref() {
                let ends = match &skipped {
                    TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                    TokenTree::Punct(punct) => punct.as_char() == ';',
                    _ => false,
                };
                if ends {
                    break;
                }
            }
            continue;
        }
        kept.push(token);
    }
    kept
}

/// Reads `mod x { … }` as separate modules, and returns the rest.
fn inner_modules(path: &[String], tokens: Vec<TokenTree>, found: &mut Vec<(Path, Module)>) -> Vec<TokenTree> {
    let mut rest: Vec<TokenTree> = Vec::new();
    for token in tokens {
        if let TokenTree::Group(group) = &token
            && group.delimiter() == Delimiter::Brace
            && let [.., word, TokenTree::Ident(name)] = &rest[..]
            && is_word(word, "mod")
        {
            let inner = [path, &[name.to_string()]].concat();
            module(&inner, without_tests(group.stream()), found);
            continue;
        }
        rest.push(token);
    }
    rest
}

fn declarations(tokens: &[TokenTree], module: &mut Module) {
    for pair in tokens.windows(2) {
        let [TokenTree::Ident(word), TokenTree::Ident(name)] = pair else { continue };
        if matches!(word.to_string().as_str(), "struct" | "enum" | "trait" | "type" | "mod" | "fn") {
            module.declared.push(name.to_string());
        }
    }
}

/// Collects every `use`, including those inside functions.
fn imports(path: &[String], tokens: &[TokenTree], module: &mut Module) {
    for (at, token) in tokens.iter().enumerate() {
        if let TokenTree::Group(group) = token {
            imports(path, &without_tests(group.stream()), module);
        }
        if !is_word(token, "use") {
            continue;
        }
        let end =
            tokens[at..].iter().position(|token| is_punct(token, ';')).map_or(tokens.len(), |end| at + end);
        let public = match tokens[..at].last() {
            Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Parenthesis,
            Some(word) => is_word(word, "pub"),
            None => false,
        };
        let mut bound = Vec::new();
        use_tree(&[], &tokens[at + 1..end], &mut bound);
        for (name, target) in bound {
            let target = absolute(path, &target, module);
            if public {
                module.exports.insert(name.clone(), vec![target.clone()]);
            }
            module.named.push(target.clone());
            module.imports.insert(name, target);
        }
    }
}

/// Names bound by a `use`, with their paths.
fn use_tree(prefix: &[String], tokens: &[TokenTree], bound: &mut Vec<(String, Path)>) {
    let (mut target, mut name) = (prefix.to_vec(), None);
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(word) if word == "as" => {
                name = tokens.get(at + 1).map(ToString::to_string);
                at += 1;
            }
            TokenTree::Ident(word) if word == "self" && !target.is_empty() => {}
            TokenTree::Ident(word) => target.push(word.to_string()),
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                for part in inner.split(|token| is_punct(token, ',')).filter(|part| !part.is_empty()) {
                    use_tree(&target, part, bound);
                }
                return;
            }
            TokenTree::Punct(punct) if punct.as_char() == '*' => target.push("*".to_owned()),
            _ => {}
        }
        at += 1;
    }
    let name = name.or_else(|| target.last().cloned()).unwrap_or_default();
    bound.push((name, target));
}

/// Collects paths, identifiers and strings.
fn walk(path: &[String], tokens: &[TokenTree], module: &mut Module) {
    for target in paths(tokens) {
        let target = absolute(path, &target, module);
        module.named.push(target);
    }
    for token in tokens {
        match token {
            TokenTree::Group(group) => walk(path, &without_tests(group.stream()), module),
            TokenTree::Ident(name) => module.identifiers.push(name.to_string()),
            TokenTree::Literal(literal) => module.strings.push(literal.to_string()),
            TokenTree::Punct(_) => {}
        }
    }
}

/// The paths at this level: names joined by `::`, without a receiver before them.
fn paths(tokens: &[TokenTree]) -> Vec<Path> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let TokenTree::Ident(first) = &tokens[at] else {
            at += 1;
            continue;
        };
        let after_dot = at > 0 && is_punct(&tokens[at - 1], '.');
        let mut path = vec![first.to_string()];
        at += 1;
        while let [colon, other, TokenTree::Ident(next), ..] = &tokens[at..]
            && is_punct(colon, ':')
            && is_punct(other, ':')
        {
            path.push(next.to_string());
            at += 3;
        }
        if !after_dot {
            found.push(path);
        }
    }
    found
}

fn structs(path: &[String], tokens: &[TokenTree], module: &mut Module) {
    for (at, token) in tokens.iter().enumerate() {
        let (true, Some(TokenTree::Ident(name))) = (is_word(token, "struct"), tokens.get(at + 1)) else {
            continue;
        };
        let fields = tokens[at + 2..].iter().find_map(|token| match token {
            TokenTree::Group(group) => Some(group),
            _ => None,
        });
        let mut types = Vec::new();
        if let Some(fields) = fields {
            let inner = without_attributes(fields.stream());
            let named = fields.delimiter() == Delimiter::Brace;
            types_in(path, &inner, named, module, &mut types);
        }
        module.structs.push(Struct { name: name.to_string(), types });
    }
}

fn aliases(path: &[String], tokens: &[TokenTree], module: &mut Module) {
    for (at, token) in tokens.iter().enumerate() {
        let (true, Some(TokenTree::Ident(name))) = (is_word(token, "type"), tokens.get(at + 1)) else {
            continue;
        };
        let rest = &tokens[at + 2..];
        let end = rest.iter().position(|token| is_punct(token, ';')).unwrap_or(rest.len());
        let start = rest[..end].iter().position(|token| is_punct(token, '=')).unwrap_or(end);
        let mut types = Vec::new();
        types_in(path, &rest[start..end], false, module, &mut types);
        module.exports.insert(name.to_string(), types);
    }
}

/// The paths in types; of named fields only those after a single colon.
fn types_in(path: &[String], tokens: &[TokenTree], named: bool, module: &Module, types: &mut Vec<Path>) {
    let mut parts = Vec::new();
    if named {
        let mut depth = 0_i32;
        let fields = tokens.split(|token| {
            depth += i32::from(is_punct(token, '<')) - i32::from(is_punct(token, '>'));
            depth <= 0 && is_punct(token, ',')
        });
        for field in fields {
            let colon = field.iter().position(|token| is_punct(token, ':')).unwrap_or(field.len());
            parts.push(&field[colon..]);
        }
    } else {
        parts.push(tokens);
    }
    for part in parts {
        types.extend(paths(part).iter().map(|target| absolute(path, target, module)));
        for token in part {
            if let TokenTree::Group(group) = token {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                types_in(path, &inner, false, module, types);
            }
        }
    }
}

fn without_attributes(tokens: TokenStream) -> Vec<TokenTree> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let attribute = |at: usize| {
        let sign =
            |at: usize| is_punct(&tokens[at], '#') && matches!(tokens.get(at + 1), Some(TokenTree::Group(_)));
        sign(at) || (at > 0 && sign(at - 1))
    };
    (0..tokens.len()).filter(|at| !attribute(*at)).map(|at| tokens[at].clone()).collect()
}

/// The path from the root of the crate. Names that the module neither imports nor declares are unchanged.
fn absolute(module_path: &[String], target: &[String], module: &Module) -> Path {
    let Some((first, rest)) = target.split_first() else { return Path::new() };
    let start = match first.as_str() {
        "crate" | "keywright" => vec!["crate".to_owned()],
        "self" => rooted(module_path),
        "super" => {
            let ups = target.iter().take_while(|part| *part == "super").count();
            let kept = module_path.len().saturating_sub(ups);
            return [rooted(&module_path[..kept]), target[ups..].to_vec()].concat();
        }
        name => match module.imports.get(name) {
            Some(import) if import != target => import.clone(),
            _ if module.declared.iter().any(|declared| declared == name) => {
                return [rooted(module_path), target.to_vec()].concat();
            }
            _ => return target.to_vec(),
        },
    };
    [start, rest.to_vec()].concat()
}

fn rooted(module_path: &[String]) -> Path {
    std::iter::once("crate".to_owned()).chain(module_path.iter().cloned()).collect()
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(name) if name == word)
}

fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}
