//! Kinds of electricity meter: which objects each has, and what it measures (SMETS 2 section 5, parts A to C).
use crate::esme::Attribute;

/// How many elements an electricity meter has, and how many phases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Variant {
    /// One element, one phase (part A).
    Single,
    /// Two elements, each with its tariff (part B).
    Twin,
    /// One element, three phases (part C).
    Polyphase,
    /// The registers of one element and one phase, and the objects of all: the one meter of the public reference data, which
    /// answers for every variant.
    #[default]
    Reference,
}

/// What tells the variants apart.
struct Traits {
    /// As the meter variant object names it.
    letter: u8,
    /// Phases it measures.
    phases: u8,
    /// Whether it measures a second element.
    second_element: bool,
    /// Whether Commands about the second element, and about the second and third phase, find their objects.
    objects: (bool, bool),
}

impl Variant {
    const fn traits(self) -> Traits {
        match self {
            Self::Single => Traits { letter: b'A', phases: 1, second_element: false, objects: (false, false) },
            Self::Twin => Traits { letter: b'B', phases: 1, second_element: true, objects: (true, false) },
            Self::Polyphase => Traits { letter: b'C', phases: 3, second_element: false, objects: (false, true) },
            // The samples of ECS26m call it a twin element meter.
            Self::Reference => Traits { letter: b'B', phases: 1, second_element: false, objects: (true, true) },
        }
    }

    /// How many phases it measures.
    pub const fn phases(self) -> usize {
        self.traits().phases as usize
    }

    /// Whether it measures a second element.
    pub const fn has_second_element(self) -> bool {
        self.traits().second_element
    }

    pub(crate) const fn letter(self) -> u8 {
        self.traits().letter
    }

    /// Whether an object exists on it; of those that every electricity meter has, it does.
    pub(crate) const fn has(self, attribute: Attribute) -> bool {
        let (second_element, other_phases) = self.traits().objects;
        match (attribute.class, attribute.obis.0) {
            // Switching table, special days, prices and their activation, the price in force.
            (20, [0, _, 13, 0, 1, _])
            | (11, [0, _, 11, 0, 1, _])
            | (113, [0, _, 19, 20, 5, _])
            | (9000, [0, _, 94, 44, 128, 30])
            | (3, [0, _, 94, 44, 1, 8]) => second_element,
            // Thresholds, counters and profiles of the voltage of phases 2 and 3.
            (1 | 3 | 7, [1, _, 52 | 72, ..]) => other_phases,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gbcs::catalogue::{self, DeviceType, Family};

    #[test]
    fn objects_of_the_catalogue_that_some_variant_lacks_are_those_of_second_elements_and_other_phases() {
        let mut lacking = alloc::collections::BTreeMap::new();
        for use_case in catalogue::all().iter().filter(|u| u.family == Family::Dlms && u.is_for(DeviceType::Esme)) {
            for row in use_case.rows {
                let attribute = Attribute { class: row.class, obis: row.obis, index: row.index };
                assert!(Variant::Reference.has(attribute));
                let has = [Variant::Single, Variant::Twin, Variant::Polyphase].map(|variant| variant.has(attribute));
                if has != [true; 3] {
                    lacking.insert(use_case.id, has);
                }
            }
        }
        let (twin, polyphase) = ([false, true, false], [false, false, true]);
        let expected = [
            ("ECS01c", twin),
            ("ECS01d", twin),
            ("ECS23b", polyphase),
            ("ECS24b", twin),
            ("ECS26k", polyphase),
            ("ECS29b", polyphase),
            ("ECS29d", polyphase),
            ("ECS29f", polyphase),
        ];
        assert_eq!(lacking, expected.into());
    }
}
