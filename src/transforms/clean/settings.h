// What one writes under `clean:`.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "spec/spec.h"
#include "transforms/clean/values.h"

namespace trommel {

enum class NameStyle { as_they_are, snake_case, lower };
enum class NullRows { any, all };
enum class DedupeScope { within_file, whole };
enum class Unmapped { keep, null, reject };
enum class Unread { reject, null };

template <>
struct EnumNames<NameStyle> {
  static constexpr EnumName<NameStyle> list[] = {
      {"snake_case", NameStyle::snake_case}, {"lower", NameStyle::lower}, {"as_they_are", NameStyle::as_they_are}};
};
template <>
struct EnumNames<TextCase> {
  static constexpr EnumName<TextCase> list[] = {{"lower", TextCase::lower}, {"upper", TextCase::upper}};
};
template <>
struct EnumNames<TextForm> {
  static constexpr EnumName<TextForm> list[] = {{"nfc", TextForm::nfc}, {"nfkc", TextForm::nfkc}};
};
template <>
struct EnumNames<NullRows> {
  static constexpr EnumName<NullRows> list[] = {{"any", NullRows::any}, {"all", NullRows::all}};
};
template <>
struct EnumNames<DedupeScope> {
  static constexpr EnumName<DedupeScope> list[] = {{"within_file", DedupeScope::within_file},
                                                   {"whole", DedupeScope::whole}};
};
template <>
struct EnumNames<Unmapped> {
  static constexpr EnumName<Unmapped> list[] = {
      {"keep", Unmapped::keep}, {"null", Unmapped::null}, {"reject", Unmapped::reject}};
};
template <>
struct EnumNames<Unread> {
  static constexpr EnumName<Unread> list[] = {{"reject", Unread::reject}, {"null", Unread::null}};
};

/// `map: COLUMN:` in its long form; the short one is `values` alone.
struct MapRule {
  Pairs<std::optional<std::string>> values;
  std::string table, from, to;
  Unmapped otherwise = Unmapped::keep;
  static const Spec<MapRule>& spec();
};

/// `split: COLUMN:`.
struct SplitRule {
  std::vector<std::string> into;
  std::string by = " ";
  bool keep = false;
  static const Spec<SplitRule>& spec();
};

/// `merge: NEW_COLUMN:`.
struct MergeRule {
  std::vector<std::string> of;
  std::string by = " ";
  bool keep = false;
  static const Spec<MergeRule>& spec();
};

/// `parse: COLUMN:`.
struct ParseRule {
  std::vector<std::string> format;
  std::optional<std::string> type;
  std::string decimal, thousands;
  Unread otherwise = Unread::reject;
  static const Spec<ParseRule>& spec();
};

struct CleanConfig {
  using Texts = std::vector<std::string>;
  NameStyle names = NameStyle::as_they_are;
  Pairs<std::string> rename;
  Texts select, drop;
  std::optional<TextForm> normalize;
  bool trim = false, collapse_spaces = false;
  std::variant<Texts, Pairs<Texts>> nulls;
  std::optional<TextCase> text;
  Pairs<Node> map;
  Pairs<SplitRule> split;
  Pairs<MergeRule> merge;
  Pairs<ParseRule> parse;
  Pairs<std::string> cast, fill;
  std::optional<std::variant<NullRows, Texts>> drop_null_rows;
  std::optional<DedupeScope> dedupe;
};
const Spec<CleanConfig>& clean_spec();

}  // namespace trommel
