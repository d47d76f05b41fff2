// SPDX-License-Identifier: GPL-2.0-only

//! A C declaration as a list of words and signs, so that two are equal if they only differ in spaces.

use std::fmt;

/// A word or sign of a contract or a declaration, and the line where it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

impl Token {
    pub(crate) fn is_word(&self) -> bool {
        self.text.starts_with(in_word)
    }
}

/// Points are part of words: they lead into structures inside a structure, as in `elv.priv`.
fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '.'
}

/// Splits `text` into words and signs. What follows `#` on a line is a comment.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut rest = line.split('#').next().unwrap_or_default().trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if in_word(first) {
                rest.find(|c| !in_word(c)).unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            let (text, after) = rest.split_at(length);
            tokens.push(Token {
                text: text.to_owned(),
                line: index + 1,
            });
            rest = after.trim_start();
        }
    }
    tokens
}

/// What a structure's member or a function is called, and its type.
#[derive(Clone, Debug)]
pub(crate) struct Declaration {
    pub(crate) name: String,
    pub(crate) is_function: bool,
    words: Vec<String>,
}

/// Two declarations are equal if they declare the same name with the same type.
impl PartialEq for Declaration {
    fn eq(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

impl Declaration {
    /// Nothing if this is not a declaration of one name.
    pub(crate) fn new(tokens: &[Token]) -> Option<Self> {
        let end = tokens
            .iter()
            .position(|token| matches!(&*token.text, "(" | "["))
            .unwrap_or(tokens.len());
        let is_pointer = tokens.get(end + 1).is_some_and(|token| token.text == "*");
        let at = if is_pointer {
            // `int (*name)(void)`.
            end + 2
        } else {
            end.checked_sub(1)?
        };
        let name = tokens.get(at).filter(|token| token.is_word())?;
        if at == 0 {
            return None;
        }
        Some(Self {
            name: name.text.clone(),
            is_function: !is_pointer && tokens.get(end).is_some_and(|token| token.text == "("),
            words: tokens.iter().map(|token| token.text.clone()).collect(),
        })
    }
}

/// As the kernel's sources would have it.
impl fmt::Display for Declaration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_word = |text: &str| text.starts_with(in_word);
        for (index, word) in self.words.iter().enumerate() {
            let before = index.checked_sub(1).map(|index| &*self.words[index]);
            let after = self.words.get(index + 1).map(|word| &**word);
            let space = match before {
                None => false,
                Some(",") => true,
                Some(before) => {
                    is_word(before)
                        && (is_word(word) || word == "*" || (word == "(" && after == Some("*")))
                }
            };
            write!(f, "{}{word}", if space { " " } else { "" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declaration(text: &str) -> Declaration {
        Declaration::new(&tokens(text)).unwrap()
    }

    #[test]
    fn names_are_found_and_spaces_do_not_matter() {
        for (text, name, is_function, tidy) in [
            ("u64   fifo_time", "fifo_time", false, "u64 fifo_time"),
            ("void*data", "data", false, "void *data"),
            (
                "void * elv.priv [ 2 ]",
                "elv.priv",
                false,
                "void *elv.priv[2]",
            ),
            (
                "struct request*(*next)(struct request *,unsigned  int)",
                "next",
                false,
                "struct request *(*next)(struct request *, unsigned int)",
            ),
            (
                "int elv_register( struct elevator_type * )",
                "elv_register",
                true,
                "int elv_register(struct elevator_type *)",
            ),
            (
                "int printk(const char *, ...)",
                "printk",
                true,
                "int printk(const char *, ...)",
            ),
        ] {
            let declaration = declaration(text);
            assert_eq!(declaration.name, name);
            assert_eq!(declaration.is_function, is_function);
            assert_eq!(declaration.to_string(), tidy);
        }
        assert_eq!(declaration("void *data"), declaration("void* data"));
        assert_ne!(declaration("void *data"), declaration("void **data"));
    }

    #[test]
    fn what_declares_nothing_is_refused() {
        for text in [
            "",
            "int",
            "*",
            "(",
            "int (*",
            "int (*)(void)",
            "[2]",
            "int *",
        ] {
            assert!(Declaration::new(&tokens(text)).is_none(), "{text}");
        }
    }
}
