//===- CharacterClasses.h - Letters, numbers, white space -------*- C++ -*-===//
//
// What stands inside of a bracketed class of a PCRE2 pattern, so that classes
// hold the characters that they hold for the regular expression engine of the
// Hugging Face tokenizers, whatever Unicode version PCRE2 knows.
//
//===----------------------------------------------------------------------===//
#ifndef NYALA_RUNTIME_TEXT_CHARACTERCLASSES_H
#define NYALA_RUNTIME_TEXT_CHARACTERCLASSES_H

namespace nyala::rt {

/// PCRE2's \s has U+180E, which is no white space since Unicode 6.3, so the property White_Space is
/// listed.
inline constexpr char spaceClass[] =
    R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

// PCRE2 10.42 knows Unicode 14. These ranges became letters and numbers in 15.0, 15.1 and 16.0;
// with them every PCRE2 from 10.42 on agrees with tokenizers 0.23 on all that Unicode 16 assigns.
inline constexpr char letterClass[] =
    R"(\p{L}\x{1C89}\x{1C8A}\x{A7CB}-\x{A7CD}\x{A7DA}-\x{A7DC}\x{105C0}-\x{105F3})"
    R"(\x{10D4A}-\x{10D65}\x{10D6F}-\x{10D85}\x{10EC2}-\x{10EC4}\x{1123F}\x{11240})"
    R"(\x{11380}-\x{11389}\x{1138B}\x{1138E}\x{11390}-\x{113B5}\x{113B7}\x{113D1}\x{113D3})"
    R"(\x{11BC0}-\x{11BE0}\x{11F02}\x{11F04}-\x{11F10}\x{11F12}-\x{11F33}\x{1342F})"
    R"(\x{13441}-\x{13446}\x{13460}-\x{143FA}\x{16100}-\x{1611D}\x{16D40}-\x{16D6C}\x{18CFF})"
    R"(\x{1B132}\x{1B155}\x{1DF25}-\x{1DF2A}\x{1E030}-\x{1E06D}\x{1E4D0}-\x{1E4EB})"
    R"(\x{1E5D0}-\x{1E5ED}\x{1E5F0}\x{2B739}\x{2EBF0}-\x{2EE5D}\x{31350}-\x{323AF})";
inline constexpr char numberClass[] =
    R"(\p{N}\x{10D40}-\x{10D49}\x{116D0}-\x{116E3}\x{11BF0}-\x{11BF9}\x{11F50}-\x{11F59})"
    R"(\x{16130}-\x{16139}\x{16D70}-\x{16D79}\x{1CCF0}-\x{1CCF9}\x{1D2C0}-\x{1D2D3})"
    R"(\x{1E4F0}-\x{1E4F9}\x{1E5F1}-\x{1E5FA})";

} // namespace nyala::rt

#endif // NYALA_RUNTIME_TEXT_CHARACTERCLASSES_H
