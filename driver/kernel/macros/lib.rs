// SPDX-License-Identifier: GPL-2.0-only

//! The attributes of the kernel's crates `macros` and `pin-init` that the driver uses.

use proc_macro::{Delimiter, Group, Ident, TokenStream, TokenTree};

/// Says which optional functions of a trait an implementation has: of a function `f`, `HAS_F`.
#[proc_macro_attribute]
pub fn vtable(_: TokenStream, item: TokenStream) -> TokenStream {
    in_last_braces(item, |body| {
        let tokens: Vec<TokenTree> = body.clone().into_iter().collect();
        let has = tokens.windows(2).filter_map(|pair| match pair {
            [TokenTree::Ident(word), TokenTree::Ident(name)] if word.to_string() == "fn" => {
                let name = name.to_string().to_uppercase();
                Some(format!("const HAS_{name}: bool = true;"))
            }
            _ => None,
        });
        let mut with: TokenStream = parse(&has.collect::<String>());
        with.extend(body);
        with
    })
}

/// Makes a structure with fields that do not move, which have `#[pin]`. With `PinnedDrop`, the
/// structure implements that in place of `Drop`.
#[proc_macro_attribute]
pub fn pin_data(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let head = Head::of(&item);
    let Head {
        name,
        generics,
        names,
    } = &head;
    let drop = match arguments.to_string().as_str() {
        "PinnedDrop" => format!(
            "impl<{generics}> ::core::ops::Drop for {name}<{names}> {{
                fn drop(&mut self) {{
                    // SAFETY: The object was pinned, and is not used after this.
                    let this = unsafe {{ ::core::pin::Pin::new_unchecked(self) }};
                    // SAFETY: This is that `drop`.
                    let token = unsafe {{ ::kernel::init::OnlyCallFromDrop::new() }};
                    ::kernel::init::PinnedDrop::drop(this, token)
                }}
            }}"
        ),
        // A `drop` of its own could move the fields.
        _ => format!(
            "const _: () = {{
                trait MustNotImplementDrop {{}}
                #[allow(drop_bounds)]
                impl<T: ::core::ops::Drop + ?::core::marker::Sized> MustNotImplementDrop for T {{}}
                impl<{generics}> MustNotImplementDrop for {name}<{names}> {{}}
            }};"
        ),
    };
    let mut with = in_last_braces(item, without_pin);
    with.extend(parse(&drop));
    with
}

/// Implements `PinnedDrop` for a structure with `#[pin_data(PinnedDrop)]`.
#[proc_macro_attribute]
pub fn pinned_drop(_: TokenStream, item: TokenStream) -> TokenStream {
    let item = in_last_braces(item, |body| {
        let mut is_name = false;
        let tokens = body.into_iter().map(|token| match token {
            // The parameters of `drop`.
            TokenTree::Group(group) if is_name && group.delimiter() == Delimiter::Parenthesis => {
                is_name = false;
                let mut parameters = group.stream();
                parameters.extend(parse(", _: ::kernel::init::OnlyCallFromDrop"));
                Group::new(Delimiter::Parenthesis, parameters).into()
            }
            token => {
                is_name = matches!(&token, TokenTree::Ident(word) if word.to_string() == "drop");
                token
            }
        });
        tokens.collect()
    });
    let mut with: TokenStream = parse("unsafe");
    for token in item {
        match token {
            TokenTree::Ident(word) if word.to_string() == "PinnedDrop" => {
                with.extend(parse("::kernel::init::PinnedDrop"));
            }
            token => with.extend([token]),
        }
    }
    with
}

fn parse(text: &str) -> TokenStream {
    text.parse().expect("this is Rust")
}

/// The item with other tokens in its last braces, which an item without braces does not have.
fn in_last_braces(
    item: TokenStream,
    change: impl FnOnce(TokenStream) -> TokenStream,
) -> TokenStream {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    match tokens.pop() {
        Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => {
            let mut group = Group::new(Delimiter::Brace, change(body.stream()));
            group.set_span(body.span());
            tokens.push(group.into());
        }
        last => tokens.extend(last),
    }
    tokens.into_iter().collect()
}

/// The fields without `#[pin]`.
fn without_pin(fields: TokenStream) -> TokenStream {
    let is_pin = |token: &TokenTree| match token {
        TokenTree::Group(group) => {
            group.delimiter() == Delimiter::Bracket && group.stream().to_string() == "pin"
        }
        _ => false,
    };
    let is_hash =
        |token: &TokenTree| matches!(token, TokenTree::Punct(sign) if sign.as_char() == '#');
    let mut tokens = fields.into_iter().peekable();
    let mut kept = TokenStream::new();
    while let Some(token) = tokens.next() {
        if is_hash(&token) && tokens.peek().is_some_and(is_pin) {
            tokens.next();
        } else {
            kept.extend([token]);
        }
    }
    kept
}

/// The name of a structure, its generic parameters with their bounds, and their names.
struct Head {
    name: String,
    generics: String,
    names: String,
}

impl Head {
    /// Parameters with lifetimes, constants or defaults are not supported.
    fn of(item: &TokenStream) -> Self {
        let mut tokens = item.clone().into_iter();
        let is_struct = |token: &TokenTree| matches!(token, TokenTree::Ident(word) if word.to_string() == "struct");
        tokens.find(is_struct).expect("this is a structure");
        let name: Option<Ident> = match tokens.next() {
            Some(TokenTree::Ident(name)) => Some(name),
            _ => None,
        };
        let (mut depth, mut generics, mut names) = (0, TokenStream::new(), String::new());
        let mut is_name = true;
        for token in tokens {
            if let TokenTree::Punct(sign) = &token {
                match sign.as_char() {
                    '<' => {
                        depth += 1;
                        if depth == 1 {
                            continue;
                        }
                    }
                    '>' => depth -= 1,
                    ',' if depth == 1 => is_name = true,
                    _ => {}
                }
            }
            if depth == 0 {
                break;
            }
            match &token {
                TokenTree::Ident(word) if is_name => {
                    names += &format!("{word},");
                    is_name = false;
                }
                _ => {}
            }
            generics.extend([token]);
        }
        Self {
            name: name.expect("a structure has a name").to_string(),
            generics: generics.to_string(),
            names,
        }
    }
}
