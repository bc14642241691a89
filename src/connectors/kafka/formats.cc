#include "connectors/kafka/formats.h"

#include <fmt/format.h>

#include "spec/merge.h"

namespace trommel::kafka {

const MessageFormat* find_format(const std::vector<MessageFormat>& formats, const std::string& name, const Node& node,
                                 Problems& problems) {
  std::vector<std::string> names;
  for (const MessageFormat& format : formats) {
    if (format.name == name) return &format;
    names.push_back(format.name);
  }
  const Node* value = node.find("value");
  const std::string near = did_you_mean(name, names);
  problems.add(value != nullptr ? value->place : node.place, fmt::format("`value`: no format is called `{}`", name),
               near.empty() ? "there are: " + joined(names, ", ") : fmt::format("did you mean `{}`?", near));
  return nullptr;
}

SpecInfo spec_with(const SpecInfo& own, const std::vector<MessageFormat>& formats) {
  std::vector<const SpecInfo*> specs;
  for (const MessageFormat& format : formats) specs.push_back(format.spec);
  return merged_spec(own, specs);
}

}  // namespace trommel::kafka
