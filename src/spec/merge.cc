#include "spec/merge.h"

#include <algorithm>

namespace trommel {

SpecInfo merged_spec(const SpecInfo& own, const std::vector<const SpecInfo*>& formats) {
  SpecInfo info = own;
  for (const SpecInfo* format : formats) {
    for (const FieldInfo& field : format->fields) {
      if (spec_has_field(own, field.name)) continue;
      const std::string doc = format->name + ": " + field.doc;
      const auto same = std::find_if(info.fields.begin(), info.fields.end(),
                                     [&](const FieldInfo& known) { return known.name == field.name; });
      if (same != info.fields.end()) {
        const std::string said = ": " + field.doc;
        if (same->doc.ends_with(said)) {
          same->doc.insert(same->doc.size() - said.size(), ", " + format->name);
        } else {
          same->doc += "; " + doc;
        }
        continue;
      }
      FieldInfo& added = info.fields.emplace_back(field);
      added.doc = doc;
      added.required = false;
    }
  }
  return info;
}

Node settings_for(const Node& settings, const SpecInfo& spec) {
  Node out;
  out.place = settings.place;
  out.kind = Node::Kind::map;
  if (settings.is_map()) {
    for (const Node::Entry& entry : settings.entries) {
      if (spec_has_field(spec, entry.name)) out.entries.push_back(entry);
    }
  } else if (!settings.is_null() && !spec.scalar_field.empty()) {
    out.entries.push_back({spec.scalar_field, settings.place, settings});
  }
  return out;
}

}  // namespace trommel
