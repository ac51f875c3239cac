//! Bodies put together from parts, some of which are JSON already.

use serde::Serialize;

use crate::wire::writer::{Buffer, write, write_members};

/// Room for most shapes, in bytes, so that few are moved while they grow.
const ROOM: usize = 2560;

/// One JSON value as text, without a newline.
pub(crate) fn json(shape: &impl Serialize) -> Vec<u8> {
    let mut text = Buffer::with_room(ROOM);
    write(&mut text, shape);
    text.into_bytes()
}

/// The inside of a JSON object: what stands between its braces.
pub(crate) fn members(shape: &impl Serialize) -> Vec<u8> {
    let mut text = Buffer::with_room(ROOM);
    write_members(&mut text, shape);
    text.into_bytes()
}

/// JSON that is being written: an object or an array, and what is open in it.
#[derive(Debug)]
pub(crate) struct Text {
    bytes: Buffer,
    /// What is still to be closed, the innermost last.
    ends: Vec<u8>,
    /// Nothing stands yet in what was opened last.
    is_first: bool,
}

impl Text {
    /// Nothing is open yet, and there is no room.
    pub(crate) fn new() -> Self {
        Self {
            bytes: Buffer::with_room(0),
            ends: Vec::new(),
            is_first: true,
        }
    }

    pub(crate) fn object() -> Self {
        Self::opened(b'{', b'}')
    }

    pub(crate) fn array() -> Self {
        Self::opened(b'[', b']')
    }

    fn opened(begin: u8, end: u8) -> Self {
        let mut text = Self {
            bytes: Buffer::with_room(ROOM),
            ..Self::new()
        };
        text.open(begin, end);
        text
    }

    /// Makes room for so many bytes more.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.bytes.reserve(more);
    }

    fn open(&mut self, begin: u8, end: u8) {
        self.bytes.push(begin);
        self.ends.push(end);
        self.is_first = true;
    }

    /// Opens the whole or an item of an array.
    pub(crate) fn open_object(&mut self) {
        self.next();
        self.open(b'{', b'}');
    }

    /// Opens a member of an object, which is an object itself.
    pub(crate) fn open_member(&mut self, name: &'static str) {
        self.name(name);
        self.open(b'{', b'}');
    }

    /// Opens a member of an object, which is an array.
    pub(crate) fn open_array(&mut self, name: &'static str) {
        self.name(name);
        self.open(b'[', b']');
    }

    /// Ends what was opened last.
    pub(crate) fn close(&mut self) {
        self.bytes.push(self.ends.pop().expect("something is open"));
        self.is_first = false;
    }

    /// Goes on behind what there is.
    fn next(&mut self) {
        if !self.is_first {
            self.bytes.push(b',');
        }
        self.is_first = false;
    }

    fn name(&mut self, name: &'static str) {
        self.bytes.name(name, self.is_first);
        self.is_first = false;
    }

    /// Members of an object that are text already; perhaps none.
    pub(crate) fn members(&mut self, text: &[u8]) {
        if !text.is_empty() {
            self.next();
            self.bytes.put(text);
        }
    }

    /// The members of a shape. It has some.
    pub(crate) fn members_of(&mut self, shape: &impl Serialize) {
        self.next();
        write_members(&mut self.bytes, shape);
    }

    /// A member of an object. Its name is written as it is.
    pub(crate) fn member(&mut self, name: &'static str, shape: &impl Serialize) {
        self.name(name);
        write(&mut self.bytes, shape);
    }

    /// A member whose value is text already.
    pub(crate) fn member_text(&mut self, name: &'static str, text: &[u8]) {
        self.name(name);
        self.bytes.put(text);
    }

    /// An item of an array, which is text already.
    pub(crate) fn item(&mut self, text: &[u8]) {
        self.next();
        self.bytes.put(text);
    }

    /// Ends everything that is open.
    pub(crate) fn end(mut self) -> Vec<u8> {
        while !self.ends.is_empty() {
            self.close();
        }
        self.bytes.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Shape {
        a: u8,
        b: [u8; 0],
    }

    #[derive(Serialize)]
    struct Empty {}

    #[test]
    fn parts_make_the_json_that_one_shape_would() {
        let shape = Shape { a: 1, b: [] };
        assert_eq!(members(&shape), b"\"a\":1,\"b\":[]");
        assert_eq!(members(&Empty {}), b"");
        let mut array = Text::array();
        array.item(b"1");
        array.item(&Text::array().end());
        let mut object = Text::object();
        object.members(b"");
        object.members(&members(&shape));
        object.members(b"");
        object.member_text("c", &array.end());
        object.member("d", &"{");
        object.member("e", &2);
        object.open_array("f");
        object.item(b"3");
        object.open_object();
        object.member("g", &[4]);
        object.close();
        object.close();
        object.open_member("h");
        object.members_of(&shape);
        object.members_of(&shape);
        let expected = "{\"a\":1,\"b\":[],\"c\":[1,[]],\"d\":\"{\",\"e\":2,\"f\":[3,{\"g\":[4]}],\
             \"h\":{\"a\":1,\"b\":[],\"a\":1,\"b\":[]}}";
        assert_eq!(String::from_utf8(object.end()).as_deref(), Ok(expected));
        assert_eq!(Text::object().end(), b"{}");
    }

    #[test]
    #[should_panic(expected = "only an object has members")]
    fn a_number_has_no_members() {
        members(&1);
    }
}
