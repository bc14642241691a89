#include "spec/node.h"

#include <algorithm>
#include <tuple>

namespace trommel {

namespace {

constexpr size_t shown_bytes_max = 80;

/// The password of `scheme://user:password@host`, as offset and length; length 0 when there is none.
std::pair<size_t, size_t> password_in_address(std::string_view text) {
  const size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return {0, 0};
  const size_t begin = scheme + 3;
  // The last @ before the path: passwords may hold an @ that nobody escaped.
  const size_t path = text.find('/', begin);
  const size_t at = text.substr(0, path).rfind('@');
  if (at == std::string_view::npos || at < begin) return {0, 0};
  const size_t colon = text.find(':', begin);
  if (colon == std::string_view::npos || colon >= at) return {0, 0};
  return {colon + 1, at - colon - 1};
}

/// Letters for comparing names: lower case, `-` and blanks as `_`.
std::string folded(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '-' || c == ' ') {
      out += '_';
    } else {
      out += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
  }
  return out;
}

/// Optimal string alignment: insert, delete, replace, swap of neighbours each cost 1.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last, last(b.size() + 1), current(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before_last[j - 2] + 1);
      }
    }
    before_last = last;
    last = current;
  }
  return last[b.size()];
}

}  // namespace

std::string Place::text() const {
  if (line <= 0) return file;
  std::string out = file + ":" + std::to_string(line);
  if (column > 0) out += ":" + std::to_string(column);
  return out;
}

const Node* Node::find(std::string_view name) const {
  for (const Entry& entry : entries) {
    if (entry.name == name) return &entry.value;
  }
  return nullptr;
}

const Node& Node::at_or_self(std::string_view name) const {
  const Node* value = find(name);
  return value == nullptr ? *this : *value;
}

std::string Node::shown() const {
  std::string text = scalar;
  if (secret) {
    const auto [offset, length] = password_in_address(scalar);
    if (length == 0) return "***";
    text.replace(offset, length, "***");
  }
  if (text.size() <= shown_bytes_max) return text;
  size_t end = shown_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

const char* Node::kind_text() const {
  switch (kind) {
    case Kind::null:
      return "nothing";
    case Kind::scalar:
      return "text";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
  }
  return "nothing";
}

bool address_has_password(std::string_view text) { return password_in_address(text).second > 0; }

std::string Problem::text() const {
  const std::string where = place.text();
  std::string out = where.empty() ? what : where + ": " + what;
  if (!hint.empty()) out += " (" + hint + ")";
  return out;
}

void Problems::add(const Place& place, std::string what, std::string hint) {
  problems_.push_back({place, std::move(what), std::move(hint)});
}

void Problems::add_outside(const Place& place, std::string what, std::string hint) {
  problems_.push_back({place, std::move(what), std::move(hint), true});
}

bool Problems::only_outside() const {
  return !problems_.empty() &&
         std::all_of(problems_.begin(), problems_.end(), [](const Problem& problem) { return problem.outside; });
}

void Problems::add(const Problems& others) {
  problems_.insert(problems_.end(), others.problems_.begin(), others.problems_.end());
}

std::vector<Problem> Problems::sorted() const {
  const auto key = [](const Problem& problem) {
    return std::tie(problem.place.file, problem.place.line, problem.place.column);
  };
  std::vector<Problem> out = problems_;
  std::stable_sort(out.begin(), out.end(), [&](const Problem& a, const Problem& b) { return key(a) < key(b); });
  std::vector<Problem> unique;
  for (Problem& problem : out) {
    const bool seen = std::any_of(unique.rbegin(), unique.rend(), [&](const Problem& other) {
      return key(other) == key(problem) && other.what == problem.what;
    });
    if (!seen) unique.push_back(std::move(problem));
  }
  return unique;
}

std::string Problems::text() const {
  std::string out;
  for (const Problem& problem : sorted()) out += problem.text() + "\n";
  return out;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& known) {
  const std::string wanted = folded(name);
  std::string best;
  size_t best_distance = 0;
  for (const std::string& candidate : known) {
    const std::string other = folded(candidate);
    const size_t limit = std::max(wanted.size(), other.size()) / 3;
    const size_t distance = edit_distance(wanted, other);
    if (distance > limit || (distance >= best_distance && !best.empty())) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

}  // namespace trommel
