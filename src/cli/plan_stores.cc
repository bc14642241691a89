#include "cli/plan_stores.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "batch/types.h"
#include "telemetry/log.h"
#include "telemetry/table.h"

namespace trommel::cli {

namespace {

std::string view_json(const PlanView& planned) {
  std::string columns;
  for (const auto& column : columns_of(*planned.view.table.schema))
    columns += fmt::format("{}{{\"name\":{},\"type\":{}}}", columns.empty() ? "" : ",", json_text(column.name),
                           json_text(type_name(*column.type)));
  std::string notes;
  for (const std::string& note : planned.view.notes) notes += (notes.empty() ? "" : ",") + json_text(note);
  return fmt::format("{{\"name\":{},\"store\":{},\"notes\":[{}],\"columns\":[{}]}}", json_text(planned.view.name),
                     json_text(planned.store), notes, columns);
}

}  // namespace

std::string stores_text(const Terminal& terminal, const Plan& plan) {
  std::string out;
  for (const PlanView& planned : plan.views) {
    out += "\n" + terminal.paint(fmt::format("view {}: {}", planned.view.name, planned.store), Colour::bold) + "\n";
    for (const std::string& note : planned.view.notes) out += "  " + note + "\n";
    Table columns({{"column"}, {"type"}});
    for (const auto& column : columns_of(*planned.view.table.schema))
      columns.add({column.name, type_name(*column.type)});
    out += columns.text(terminal.width);
  }
  return out;
}

std::string stores_json(const Plan& plan) {
  std::string views;
  for (const PlanView& planned : plan.views) views += (views.empty() ? "" : ",") + view_json(planned);
  return views.empty() ? "" : fmt::format("\"views\":[{}],", views);
}

}  // namespace trommel::cli
