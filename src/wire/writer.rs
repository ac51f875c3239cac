//! Shapes as compact JSON: what `serde_json` writes, byte for byte, in a fraction of its time where nothing is optimised.
//!
//! Tests are built without optimisation, and a program that polls a build makes a shape of some kilobytes with each step
//! of its jobs. There `serde_json` looks at every byte of every text, names of fields included, with some ninety
//! instructions. This looks at sixteen bytes at once, and at names of fields not at all: they are ours and need no escape.
//! Nothing else is different, which `tests` below hold for all kinds of values, and `tests/it` for every recorded body.
//!
//! Elsewhere: reading JSON, and JSON that is no shape of ours (`serde_json`).
//! Not modelled: variants with contents and raw bytes, which no shape has.

use std::io;

use serde::Serialize;
use serde::ser::{
    self, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple,
    SerializeTupleStruct, Serializer,
};
use serde_json::Error;

/// Appends a shape to a text.
pub(super) fn write(out: &mut Buffer, shape: &impl Serialize) {
    let written = shape.serialize(Writer(out));
    written.expect("our shapes have string keys and no contents in variants");
}

/// The same without the braces of an object.
pub(super) fn write_members(out: &mut Buffer, shape: &impl Serialize) {
    let begin = out.len;
    write(out, shape);
    assert!(
        out.bytes[begin] == b'{' && out.last() == Some(b'}'),
        "only an object has members"
    );
    out.bytes.copy_within(begin + 1..out.len - 1, begin);
    out.len -= 2;
}

/// A text that grows. Not a `Vec` with room, because there a few bytes take twice as long to append without optimisation,
/// and a job is some three hundred times a few bytes.
#[derive(Debug)]
pub(super) struct Buffer {
    /// The text, and zeros behind it.
    bytes: Vec<u8>,
    len: usize,
}

impl Buffer {
    pub(super) fn with_room(room: usize) -> Self {
        Self {
            bytes: vec![0; room],
            len: 0,
        }
    }

    /// Makes room for so many bytes more.
    pub(super) fn reserve(&mut self, more: usize) {
        let wanted = self.len + more;
        if wanted > self.bytes.len() {
            let mut larger = vec![0; wanted.max(2 * self.bytes.len())];
            larger[..self.len].copy_from_slice(&self.bytes[..self.len]);
            self.bytes = larger;
        }
    }

    pub(super) fn put(&mut self, text: &[u8]) {
        self.reserve(text.len());
        let end = self.len + text.len();
        self.bytes[self.len..end].copy_from_slice(text);
        self.len = end;
    }

    pub(super) fn push(&mut self, byte: u8) {
        self.reserve(1);
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    /// Puts a number in decimals.
    fn number(&mut self, number: u64, is_negative: bool) {
        let mut digits = [0; 20];
        let (mut begin, mut rest) = (digits.len(), number);
        loop {
            begin -= 1;
            digits[begin] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if is_negative {
            self.push(b'-');
        }
        self.put(&digits[begin..]);
    }

    /// Puts the name of a member, which needs no escape, perhaps behind others.
    pub(super) fn name(&mut self, name: &'static str, is_first: bool) {
        let name = name.as_bytes();
        // The comma is written over if there is none.
        let begin = usize::from(!is_first);
        let end = begin + 1 + name.len();
        self.reserve(end + 2);
        let room = &mut self.bytes[self.len..self.len + end + 2];
        room[0] = b',';
        room[begin] = b'"';
        room[begin + 1..end].copy_from_slice(name);
        room[end] = b'"';
        room[end + 1] = b':';
        self.len += end + 2;
    }

    /// Puts a JSON string that needs no escape.
    pub(super) fn quoted(&mut self, text: &[u8]) {
        let (end, len) = (text.len() + 1, text.len() + 2);
        self.reserve(len);
        let room = &mut self.bytes[self.len..self.len + len];
        room[0] = b'"';
        room[1..end].copy_from_slice(text);
        room[end] = b'"';
        self.len += len;
    }

    pub(super) fn last(&self) -> Option<u8> {
        Some(self.bytes[self.len.checked_sub(1)?])
    }

    pub(super) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len);
        self.bytes
    }
}

/// For what is written by others.
impl io::Write for Buffer {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.put(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Appends one value.
struct Writer<'o>(&'o mut Buffer);

/// An object or an array of which more is to come.
struct Open<'o> {
    out: &'o mut Buffer,
    is_empty: bool,
    end: u8,
}

impl<'o> Writer<'o> {
    fn open(self, begin: u8, end: u8) -> Open<'o> {
        self.0.push(begin);
        Open {
            out: self.0,
            is_empty: true,
            end,
        }
    }
}

macro_rules! whole_numbers {
    ($($method:ident: $type:ty,)*) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            let number = i128::from(value);
            let size = u64::try_from(number.unsigned_abs()).expect("64 bits are the most");
            self.0.number(size, number < 0);
            Ok(())
        })*
    };
}

impl Open<'_> {
    /// Goes on behind what there is.
    fn next(&mut self) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.next();
        value.serialize(Writer(self.out))
    }

    fn close(self) {
        self.out.push(self.end);
    }
}

impl<'o> Serializer for Writer<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Open<'o>;
    type SerializeTuple = Open<'o>;
    type SerializeTupleStruct = Open<'o>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Open<'o>;
    type SerializeStruct = Open<'o>;
    type SerializeStructVariant = Impossible<(), Error>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        let word: &[u8] = if value { b"true" } else { b"false" };
        self.0.put(word);
        Ok(())
    }

    whole_numbers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        serde_json::to_writer(self.0, &value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        serde_json::to_writer(self.0, &value)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        string(self.0, value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Error> {
        Err(ser::Error::custom("no shape has bytes"))
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.0.put(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        Err(with_contents(variant))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'o>, Error> {
        Ok(self.open(b'[', b']'))
    }

    fn serialize_tuple(self, _: usize) -> Result<Open<'o>, Error> {
        Ok(self.open(b'[', b']'))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Open<'o>, Error> {
        Ok(self.open(b'[', b']'))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        Err(with_contents(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Open<'o>, Error> {
        Ok(self.open(b'{', b'}'))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Open<'o>, Error> {
        Ok(self.open(b'{', b'}'))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        Err(with_contents(variant))
    }
}

fn with_contents(variant: &str) -> Error {
    ser::Error::custom(format_args!("no shape has variants such as {variant}"))
}

/// The three kinds of lists there are.
macro_rules! list {
    ($trait:ident, $method:ident) => {
        impl $trait for Open<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    };
}

list!(SerializeSeq, serialize_element);
list!(SerializeTuple, serialize_element);
list!(SerializeTupleStruct, serialize_field);

impl SerializeMap for Open<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.next();
        key.serialize(Writer(self.out))?;
        if self.out.last() == Some(b'"') {
            Ok(())
        } else {
            Err(ser::Error::custom("a key must be a string"))
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.out.push(b':');
        value.serialize(Writer(self.out))
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

impl SerializeStruct for Open<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.out.name(key, self.is_empty);
        self.is_empty = false;
        value.serialize(Writer(self.out))
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

/// Appends a JSON string.
fn string(out: &mut Buffer, text: &[u8]) {
    let Some(at) = first_special(text) else {
        out.quoted(text);
        return;
    };
    out.push(b'"');
    escape(out, text, at);
    out.push(b'"');
}

/// Appends the inside of a JSON string, of which that is the first byte that cannot stand there as it is.
fn escape(out: &mut Buffer, mut text: &[u8], mut at: usize) {
    loop {
        let (before, rest) = text.split_at(at);
        out.put(before);
        let byte = rest[0];
        text = &rest[1..];
        match byte {
            b'"' | b'\\' => out.put(&[b'\\', byte]),
            0x08 => out.put(b"\\b"),
            0x09 => out.put(b"\\t"),
            0x0a => out.put(b"\\n"),
            0x0c => out.put(b"\\f"),
            0x0d => out.put(b"\\r"),
            _ => {
                let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
                let code = [b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)];
                out.put(&code);
            }
        }
        match first_special(text) {
            Some(next) => at = next,
            None => break,
        }
    }
    out.put(text);
}

/// Where the first byte is that cannot stand in a JSON string as it is.
fn first_special(text: &[u8]) -> Option<usize> {
    let mut rest = text;
    while let Some(sixteen) = rest.first_chunk::<16>() {
        if has_special(u128::from_le_bytes(*sixteen)) {
            break;
        }
        rest = &rest[16..];
    }
    if rest.len() < 16 {
        let mut last = [b' '; 16];
        last[..rest.len()].copy_from_slice(rest);
        if !has_special(u128::from_le_bytes(last)) {
            return None;
        }
    }
    let skipped = text.len() - rest.len();
    let is_special = |byte: &u8| matches!(byte, 0..0x20 | b'"' | b'\\');
    rest.iter().position(is_special).map(|at| skipped + at)
}

/// Whether one of sixteen bytes is below 0x20, a quotation mark or a backslash.
///
/// A byte is below `n` if taking `n` from it borrows, which shows in its highest bit unless that was set before; and it is
/// the same as another if the difference, by exclusive or, is below 1. A borrow can only spoil the bytes above one that was
/// found.
fn has_special(sixteen: u128) -> bool {
    const ONES: u128 = u128::from_le_bytes([0x01; 16]);
    const HIGH: u128 = u128::from_le_bytes([0x80; 16]);
    let quote = sixteen ^ (ONES * 0x22);
    let backslash = sixteen ^ (ONES * 0x5c);
    let control = sixteen.wrapping_sub(ONES * 0x20) & !sixteen;
    let is_quote = quote.wrapping_sub(ONES) & !quote;
    let is_backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | is_quote | is_backslash) & HIGH != 0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn written(shape: &impl Serialize) -> String {
        let mut out = Buffer::with_room(0);
        write(&mut out, shape);
        String::from_utf8(out.into_bytes()).expect("text")
    }

    #[track_caller]
    fn same(shape: &impl Serialize) {
        let expected = serde_json::to_string(shape).expect("json");
        assert_eq!(written(shape), expected);
    }

    #[derive(Serialize)]
    struct Whole<'a> {
        r#type: &'a str,
        empty: Empty,
        unit: Unit,
        wrapped: Wrapped<'a>,
        pair: Pair,
        tuple: (u8, Option<&'a str>),
        word: Word,
        either: [Either<'a>; 2],
        list: Vec<Empty>,
        map: BTreeMap<&'a str, bool>,
        nothing: Option<()>,
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<u8>,
        letter: char,
    }

    #[derive(Serialize)]
    struct Empty {}

    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    struct Wrapped<'a>(&'a str);

    #[derive(Serialize)]
    struct Pair(i64, u64);

    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        ASimpleWord,
    }

    #[derive(Serialize)]
    #[serde(untagged)]
    enum Either<'a> {
        Text(&'a str),
        Object { a: u8 },
    }

    #[derive(Serialize)]
    enum Tagged {
        Contents(u8),
    }

    #[test]
    fn every_kind_of_value_is_written_as_by_serde_json() {
        same(&Whole {
            r#type: "script",
            empty: Empty {},
            unit: Unit,
            wrapped: Wrapped("a/b"),
            pair: Pair(i64::MIN, u64::MAX),
            tuple: (255, Some("\u{7f}ü")),
            word: Word::ASimpleWord,
            either: [Either::Text("x"), Either::Object { a: 1 }],
            list: vec![Empty {}, Empty {}],
            map: [("a\"b", true), ("c", false)].into(),
            nothing: None,
            left_out: None,
            letter: '"',
        });
        same(&[1.0, -0.5, 1e300, f64::NAN]);
        same(&[0.1_f32]);
        same(&(-1_i8, -2_i16, -3_i32, 4_u16, 5_u32));
        same(&Vec::<u8>::new());
        same(&BTreeMap::<String, u8>::new());
    }

    #[test]
    fn every_byte_is_escaped_as_by_serde_json_wherever_it_stands() {
        for code in 0..0x100 {
            let letter = char::from_u32(code).expect("a letter");
            for at in 0..36 {
                let text = format!("{}{letter}{}", "x".repeat(at), "y".repeat(36 - at));
                same(&text);
            }
        }
        let special = "\"\\\u{8}\t\n\u{c}\r\u{0}\u{1f}";
        same(&special.repeat(5));
    }

    #[test]
    #[should_panic(expected = "no shape has variants such as Contents")]
    fn variants_with_contents_are_no_shapes() {
        written(&Tagged::Contents(1));
    }

    #[test]
    #[should_panic(expected = "a key must be a string")]
    fn keys_are_strings() {
        written(&BTreeMap::from([(1, 2)]));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            rng_seed: proptest::test_runner::RngSeed::Fixed(1),
            ..ProptestConfig::with_cases(2_000)
        })]

        #[test]
        fn any_text_is_written_as_by_serde_json(text in any::<String>(), key in "(?s).*") {
            let map = BTreeMap::from([(key.as_str(), vec![text.as_str(), "x"])]);
            let expected = serde_json::to_string(&map).expect("json");
            prop_assert_eq!(written(&map), expected);
        }

        #[test]
        fn sixteen_bytes_are_special_if_one_of_them_is(sixteen in any::<[u8; 16]>()) {
            let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
            let expected = sixteen.iter().any(is_special);
            prop_assert_eq!(has_special(u128::from_le_bytes(sixteen)), expected);
        }
    }
}
