#include "connectors/http/uploads.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "base/lasting_folder.h"

namespace trommel {

namespace {

constexpr int64_t kForgetEvery = 60'000'000;
constexpr const char* kAnswer = "answer.json";

server::Response come_again(const std::string& why) {
  server::Response response = server::problem(503, why);
  response.headers.add("Retry-After", "1");
  return response;
}

std::string id_of(const FileInfo& file) {
  const std::string name = name_of(file.path);
  return name.substr(0, name.find('.'));
}

/// Behind the id: `data`, `answer.json`.
std::string ending_of(const FileInfo& file) {
  const std::string name = name_of(file.path);
  const size_t dot = name.find('.');
  return dot == std::string::npos ? "" : name.substr(dot + 1);
}

}  // namespace

std::string Uploads::path(const std::string& id, const char* what) const {
  return fmt::format("{}/{}.{}", settings_.folder, id, what);
}

std::string Uploads::new_id() const {
  std::random_device random;  // also what opens `/jobs/ID`: not to be guessed
  return fmt::format("{}{:08x}{:08x}", settings_.id_prefix, random(), random());
}

// ---- what an earlier run left -----------------------------------------------------------------------------------

Result<> Uploads::load() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(loaded_, true) || !env_.exists(settings_.folder)) return {};
  ASSIGN(const auto entries, env_.list(settings_.folder));
  // Answers first: what has one takes no room and is not read again, even where a crash left its files.
  for (const FileInfo& entry : entries) {
    if (ending_of(entry) == kAnswer) TRY(load_answer(entry.path));
  }
  for (const FileInfo& entry : entries) {
    if (ending_of(entry) == "json" && !answered_.contains(id_of(entry))) TRY(load_upload(entry.path));
  }
  return {};
}

Result<> Uploads::load_answer(const std::string& path) {
  ASSIGN(const std::string text, env_.read_text(path));
  ASSIGN(const Answered known, parse_answered(text, path));
  answered_[known.id] = {known.key, known.at_us};
  if (!known.key.empty()) keys_[known.key] = known.id;
  return {};
}

Result<> Uploads::load_upload(const std::string& path) {
  const auto upload = std::make_shared<Upload>();
  ASSIGN(const std::string text, env_.read_text(path));
  TRY(parse_upload(text, path, *upload));
  uploads_[upload->id] = upload;
  order_.push_back(upload->id);
  if (!upload->key.empty()) keys_[upload->key] = upload->id;
  reserved_ += upload->bytes;
  return {};
}

Result<> Uploads::open() {
  TRY(load());
  TRY(make_lasting_directories(env_, settings_.folder));
  const std::lock_guard lock(mutex_);
  std::stable_sort(order_.begin(), order_.end(), [&](const std::string& a, const std::string& b) {
    return uploads_.at(a)->begun_us < uploads_.at(b)->begun_us;
  });
  ASSIGN(const auto entries, env_.list(settings_.folder));
  for (const FileInfo& entry : entries) {
    const std::string ending = ending_of(entry);
    const bool of_use = uploads_.contains(id_of(entry)) ? ending == "json" || ending == "data" : ending == kAnswer;
    if (!of_use) TRY(env_.remove(entry.path));
  }
  open_ = true;
  return {};
}

void Uploads::close() {
  const std::lock_guard lock(mutex_);
  open_ = false;
  for (const auto& [id, upload] : uploads_) {
    // The reply of one that arrives belongs to who receives it.
    if (upload->state != Upload::State::arriving && upload->reply)
      upload->reply->send(come_again("the pipeline is ending: whether the upload was saved is not known"));
  }
}

// ---- while one arrives ------------------------------------------------------------------------------------------

bool Uploads::accepts() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

Uploads::KeyState Uploads::begin(const std::shared_ptr<Upload>& upload) {
  upload->id = new_id();
  upload->begun_us = env_.now_us();
  const std::lock_guard lock(mutex_);
  if (!upload->key.empty()) {
    const auto known = keys_.find(upload->key);
    if (known != keys_.end()) {
      const bool over = answered_.contains(known->second);
      return {over ? KeyState::What::answered : KeyState::What::running, known->second};
    }
    keys_[upload->key] = upload->id;
  }
  uploads_[upload->id] = upload;
  return {KeyState::What::fresh, upload->id};
}

bool Uploads::reserve(int64_t bytes) {
  if (reserved_.fetch_add(bytes) + bytes <= settings_.quota_bytes) return true;
  reserved_ -= bytes;
  return false;
}

Result<bool> Uploads::complete(const std::shared_ptr<Upload>& upload) {
  TRY(env_.rename(path(upload->id, "part"), path(upload->id, "data")));
  if (upload->lasts()) TRY(env_.write_durably(path(upload->id, "json"), upload_text(*upload)));
  {
    const std::lock_guard lock(mutex_);
    upload->state = Upload::State::waiting;
    order_.push_back(upload->id);
    if (!open_) return false;
  }
  settings_.wake();
  return true;
}

void Uploads::give_up(const Upload& upload) {
  for (const char* what : {"body", "part", "data"}) (void)env_.remove(path(upload.id, what));
  const std::lock_guard lock(mutex_);
  uploads_.erase(upload.id);
  if (const auto key = keys_.find(upload.key); key != keys_.end() && key->second == upload.id) keys_.erase(key);
}

// ---- for its epoch ----------------------------------------------------------------------------------------------

std::vector<std::shared_ptr<Upload>> Uploads::ready() {
  forget_old();
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Upload>> out;
  for (const std::string& id : order_) out.push_back(uploads_.at(id));
  const bool new_ones =
      std::any_of(out.begin(), out.end(), [](const auto& upload) { return upload->state == Upload::State::waiting; });
  const int64_t now = env_.steady_us();
  if (!new_ones) first_ready_us_ = 0;
  if (new_ones && first_ready_us_ == 0) first_ready_us_ = now;
  const bool others_arrive = uploads_.size() > order_.size();
  if (new_ones && others_arrive && now - first_ready_us_ < settings_.gather_us) return {};
  first_ready_us_ = 0;
  return out;
}

std::shared_ptr<Upload> Uploads::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = uploads_.find(id);
  return found == uploads_.end() ? nullptr : found->second;
}

Result<> Uploads::keep_answer(const Upload& upload, const Answer& answer) {
  const int64_t now = env_.now_us();
  TRY(env_.write_durably(path(upload.id, kAnswer), answered_text(upload, answer, now)));
  TRY(env_.remove(path(upload.id, "json")));
  const std::lock_guard lock(mutex_);
  answered_[upload.id] = {upload.key, now};
  return {};
}

Result<> Uploads::durable(const Delivered& delivered) {
  TRY(load());
  const auto upload = find(delivered.split.id);
  if (upload == nullptr) return {};  // answered before, or by a run that died with whoever waited
  const Answer answer = answer_of(*upload, delivered, env_.now_us());
  if (upload->lasts()) TRY(keep_answer(*upload, answer));
  TRY(env_.remove(path(upload->id, "data")));
  give_back(upload->bytes);
  {
    const std::lock_guard lock(mutex_);
    upload->state = Upload::State::done;
    uploads_.erase(upload->id);
    std::erase(order_, upload->id);
  }
  if (upload->reply) upload->reply->send(response_of(answer));
  return {};
}

void Uploads::release(const std::string& id) {
  const auto upload = find(id);
  if (upload == nullptr || !upload->reply) return;
  upload->reply->send(come_again(upload->lasts()
                                     ? "the pipeline is ending: the upload is kept, the next run publishes it"
                                     : "the pipeline is ending: nothing of the upload was published"));
}

// ---- afterwards -------------------------------------------------------------------------------------------------

Result<std::optional<Answered>> Uploads::answered(const std::string& id) const {
  {
    const std::lock_guard lock(mutex_);
    if (!answered_.contains(id)) return std::optional<Answered>();
  }
  ASSIGN(const std::string text, env_.read_text(path(id, kAnswer)));
  ASSIGN(Answered known, parse_answered(text, path(id, kAnswer)));
  return std::optional(std::move(known));
}

void Uploads::forget_old() {
  const int64_t now = env_.steady_us();
  std::vector<std::string> old;
  {
    const std::lock_guard lock(mutex_);
    if (!open_ || now < forgot_us_ + kForgetEvery) return;
    forgot_us_ = now;
    for (const auto& [id, kept] : answered_) {
      if (kept.at_us + settings_.remember_us < env_.now_us()) old.push_back(id);
    }
    for (const std::string& id : old) {
      keys_.erase(answered_.at(id).key);
      answered_.erase(id);
    }
  }
  for (const std::string& id : old) (void)env_.remove(path(id, kAnswer));
}

}  // namespace trommel
