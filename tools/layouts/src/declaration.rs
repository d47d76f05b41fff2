// SPDX-License-Identifier: GPL-2.0-only

//! A C declaration as a list of words and signs, so that two are equal if they only differ in
//! spaces.

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

/// Splits `text` into words and signs. The text after `#` on a line is a comment.
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

/// The name of a structure's member or a function, and its type.
#[derive(Clone, Debug)]
pub(crate) struct Declaration {
    pub(crate) name: String,
    pub(crate) is_function: bool,
    words: Vec<String>,
}

impl Declaration {
    /// Whether `found` declares the same name with the same type. An array without a length in this
    /// one may have any.
    pub(crate) fn accepts(&self, found: &Self) -> bool {
        let (wanted, found) = (self.plain_words(), found.plain_words());
        let mut rest = found.iter();
        let mut before = "";
        wanted.iter().all(|word| {
            let any_length = before == "[" && word == "]";
            before = word;
            let next = rest.next();
            let next = if any_length && next != Some(word) {
                rest.next()
            } else {
                next
            };
            next == Some(word)
        }) && rest.next().is_none()
    }

    /// The words, with those for kinds of integers as short and in the same order as possible:
    /// compilers do not agree on whether a type is `unsigned long` or `long unsigned int`.
    fn plain_words(&self) -> Vec<String> {
        const OF_INTEGERS: [&str; 6] = ["char", "int", "long", "short", "signed", "unsigned"];
        let is_of_integers = |word: &String| OF_INTEGERS.contains(&word.as_str());
        let mut plain = Vec::new();
        for words in self
            .words
            .chunk_by(|one, next| is_of_integers(one) && is_of_integers(next))
        {
            let mut words = words.to_vec();
            words.sort();
            if words.len() > 1 {
                words.retain(|word| word != "int");
            }
            if !words.contains(&"char".to_owned()) && words.len() > 1 {
                words.retain(|word| word != "signed");
            }
            plain.append(&mut words);
        }
        plain
    }

    /// `None` if this is not a declaration of one name.
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

/// In the words of the kernel's sources.
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
    }

    #[test]
    fn the_same_type_is_accepted_however_it_is_written() {
        for (wanted, found, expected) in [
            ("void *data", "void* data", true),
            ("void *data", "void **data", false),
            ("void *data", "void *date", false),
            ("unsigned long flags", "long unsigned int flags", true),
            ("unsigned int flags", "unsigned flags", true),
            ("unsigned long flags", "unsigned int flags", false),
            ("unsigned long flags", "unsigned long long flags", false),
            ("long flags", "signed long int flags", true),
            ("int flags", "unsigned int flags", false),
            ("char flag", "signed char flag", false),
            ("int (*f)(long int)", "int (*f)(long)", true),
            ("struct css *subsys[]", "struct css *subsys[14]", true),
            ("struct css *subsys[]", "struct css *subsys[]", true),
            ("struct css *subsys[]", "struct css *subsys", false),
            ("struct css *subsys[]", "struct css *subsys[14][2]", false),
            ("struct css *subsys[14]", "struct css *subsys[2]", false),
        ] {
            assert_eq!(
                declaration(wanted).accepts(&declaration(found)),
                expected,
                "{wanted} and {found}"
            );
        }
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
