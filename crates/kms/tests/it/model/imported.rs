//! The part of the model that is about imported material: brought, rotated to, ended, brought back.

use kms::{DeleteImportedKeyMaterial, GetParametersForImport, ImportKeyMaterial};
use shapes::kms as shape;
use types::Timestamp;

use super::{INVALID, Key, MISSING, Model, State, UNSUPPORTED};
use crate::imports::request;
use crate::walk::DAY;

/// What the model knows of a key's imported materials.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// Those that belong to the key, the current one last.
    own: Vec<Import>,
    /// The one that a rotation would bring in.
    waiting: Option<Import>,
    /// How many different ones there ever were.
    brought: u8,
}

#[derive(Debug)]
struct Import {
    /// Every byte of it.
    byte: u8,
    id: String,
    here: bool,
    /// The second of its end.
    until: Option<u64>,
}

impl Import {
    fn end(&mut self) {
        self.here = false;
        self.until = None;
    }

    fn has_ended(&self, now: u64) -> bool {
        self.until.is_some_and(|end| end <= now)
    }
}

impl Imports {
    pub(super) fn none_waits(&self) -> bool {
        self.waiting.is_none()
    }

    pub(super) fn rotate(&mut self) {
        self.own.extend(self.waiting.take());
    }

    fn lacks_any(&self) -> bool {
        self.own.is_empty() || self.own.iter().any(|import| !import.here)
    }

    fn known(&mut self) -> impl Iterator<Item = &mut Import> {
        self.own.iter_mut().chain(&mut self.waiting)
    }
}

impl Key {
    pub(super) fn lacks_material(&self) -> bool {
        self.imports.as_ref().is_some_and(Imports::lacks_any)
    }

    /// The earliest end of a material that belongs to the key.
    pub(super) fn first_end(&self) -> Option<u64> {
        let own = self.imports.iter().flat_map(|imports| &imports.own);
        own.filter_map(|import| import.until).min()
    }

    /// Ends what is over by `now`.
    pub(super) fn expire(&mut self, now: u64) {
        let Some(imports) = &mut self.imports else {
            return;
        };
        imports.waiting.take_if(|import| import.has_ended(now));
        let over = imports.own.iter_mut();
        over.filter(|import| import.has_ended(now))
            .for_each(Import::end);
        self.settle();
    }

    /// What state its materials leave the key in.
    fn settle(&mut self) {
        match (self.state, self.lacks_material()) {
            (State::Enabled | State::Disabled, true) => self.state = State::Importing,
            (State::Importing, false) => self.state = State::Enabled,
            _ => {}
        }
    }
}

/// Which material an import brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brought {
    /// The first of the key.
    First,
    /// One that the key knows, by its place among them.
    Known(usize),
    /// Another one, said to be new.
    New,
    /// Another one, of which nothing is said.
    Wrong,
}

impl Model {
    /// Brings material to a key, for good or for some days.
    pub(super) async fn import(&mut self, key: usize) {
        let expected = self.of_imported(key, INVALID);
        let input = shape::GetParametersForImportRequest {
            key_id: self.keys[key].id.clone(),
            wrapping_algorithm: shape::AlgorithmSpec::RsaesOaepSha256,
            wrapping_key_spec: shape::WrappingKeySpec::Rsa2048,
        };
        let given = self.expect::<GetParametersForImport>(input, expected).await;
        let Some(given) = given else {
            return;
        };
        let Some(brought) = self.draw_material(key) else {
            return;
        };
        let imports = self.keys[key].imports.as_mut().unwrap();
        let byte = match brought {
            Brought::Known(place) => imports.known().nth(place).unwrap().byte,
            Brought::First | Brought::New | Brought::Wrong => imports.brought + 1,
        };
        let expected = match brought {
            Brought::Wrong => "IncorrectKeyMaterialException",
            Brought::New if !imports.none_waits() => INVALID,
            Brought::First | Brought::Known(_) | Brought::New => "ok",
        };
        let days = self.walk.draw(60);
        let until = (days > 0).then(|| self.walk.now + u64::try_from(days).unwrap() * DAY);
        let new = brought == Brought::New;
        let mut input = shape::ImportKeyMaterialRequest {
            import_type: new.then_some(shape::ImportType::NewKeyMaterial),
            ..request(&self.keys[key].id, given, &[byte; 32])
        };
        if let Some(end) = until {
            input.valid_to = Some(Timestamp::new(i64::try_from(end).unwrap(), 0));
            input.expiration_model = Some(shape::ExpirationModelType::KeyMaterialExpires);
        }
        let done = self.expect::<ImportKeyMaterial>(input, expected).await;
        if let Some(done) = done {
            let import = Import {
                byte,
                id: done.key_material_id.unwrap(),
                here: true,
                until,
            };
            self.keys[key].bring(brought, import);
        }
    }

    /// Destroys the current material of a key, or one that is named.
    pub(super) async fn delete_import(&mut self, key: usize) {
        if self.walk.draw(2) == 0 {
            return;
        }
        let expected = self.of_imported(key, "ok");
        let number = self.keys[key].number_of_materials();
        let named = if number > 0 {
            self.walk.draw(number + 1)
        } else {
            0
        };
        let known = self.keys[key].imports.iter_mut().flat_map(Imports::known);
        let named = known.map(|import| import.id.clone()).nth(named);
        let input = shape::DeleteImportedKeyMaterialRequest {
            key_id: self.keys[key].id.clone(),
            key_material_id: named.clone(),
        };
        let done = self.expect::<DeleteImportedKeyMaterial>(input, expected);
        if done.await.is_some() {
            self.keys[key].lose(named.as_deref());
        }
    }

    /// What becomes of a call about imported material; of a key that is being deleted, this.
    fn of_imported(&self, key: usize, pending: &'static str) -> &'static str {
        let key = &self.keys[key];
        match key.state {
            State::Gone => MISSING,
            _ if key.imports.is_none() => UNSUPPORTED,
            State::Pending(_) => pending,
            State::Enabled | State::Disabled | State::Importing => "ok",
        }
    }

    /// Mostly material that is not here; `None` if nothing new can be drawn any more.
    fn draw_material(&mut self, key: usize) -> Option<Brought> {
        let number = self.keys[key].number_of_materials();
        let imports = self.keys[key].imports.as_mut().unwrap();
        if imports.own.is_empty() {
            return Some(Brought::First);
        }
        let used_up = imports.brought == u8::MAX;
        let absent = imports.known().position(|import| !import.here);
        match (self.walk.draw(8), absent) {
            (0 | 1, _) => (!used_up).then_some(Brought::New),
            (2 | 3, _) => (!used_up).then_some(Brought::Wrong),
            (4, _) | (_, None) => Some(Brought::Known(self.walk.draw(number))),
            (_, Some(place)) => Some(Brought::Known(place)),
        }
    }
}

impl Key {
    fn number_of_materials(&mut self) -> usize {
        let imports = self.imports.iter_mut();
        imports.flat_map(Imports::known).count()
    }

    fn bring(&mut self, brought: Brought, import: Import) {
        let imports = self.imports.as_mut().unwrap();
        match brought {
            Brought::First => {
                imports.own.push(import);
                imports.brought += 1;
                self.materials += 1;
            }
            Brought::New => {
                imports.waiting = Some(import);
                imports.brought += 1;
            }
            Brought::Known(place) => *imports.known().nth(place).unwrap() = import,
            Brought::Wrong => panic!("it was taken"),
        }
        self.settle();
    }

    /// What waits for a rotation is forgotten; what belongs to the key may come back.
    fn lose(&mut self, named: Option<&str>) {
        let imports = self.imports.as_mut().unwrap();
        let is_it = |import: &Import| named == Some(import.id.as_str());
        if imports.waiting.take_if(|import| is_it(import)).is_some() {
            return;
        }
        let lost = match named {
            Some(_) => imports.own.iter_mut().find(|import| is_it(import)),
            None => imports.own.last_mut(),
        };
        if let Some(lost) = lost {
            lost.end();
        }
        self.settle();
    }
}
