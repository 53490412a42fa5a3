// The engine for Node:
//   open(words: Int32Array, constants: TypedArray[], threads: number): Plan
//   plan.run(feeds: TypedArray[], outputs: TypedArray[]): Promise<void>
//   plan.pass(kernel: string, ranges: Float32Array[], constants: number[]): Promise<number>, a kernel of optimizer.h
//   plan.seconds(): Float64Array, what each step has taken in all runs; between runs only
//   plan.close(): void
//   map(descriptor: number, offset: number, length: number): Uint8Array | null, bytes of a file, read when they are used
//   info(): { onednn: string, isa: string, threads: number, bf16: boolean }
// A plan prepares and runs on one thread of its own, because OpenMP keeps a team for each thread that calls it. Runs
// and passes queue there. All else here happens on the thread of the JavaScript that opened the plan.
#include <napi.h>
#include <omp.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include "engine.h"
#include "onednn.h"
#include "optimizer.h"

namespace undiffuse {

namespace {

Bytes bytesOf(const Napi::Value& value, const std::string& what) {
  if (!value.IsTypedArray()) throw Napi::TypeError::New(value.Env(), what + " is not a typed array");
  const auto array = value.As<Napi::TypedArray>();
  void* data = nullptr;
  // Not by way of array.ArrayBuffer(), which knows no shared memory.
  const napi_status status = napi_get_typedarray_info(value.Env(), value, nullptr, nullptr, &data, nullptr, nullptr);
  if (status != napi_ok) throw Napi::Error::New(value.Env());
  return {data, array.ByteLength()};
}

class Plan : public Napi::ObjectWrap<Plan> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Plan",
                       {InstanceMethod<&Plan::run>("run"), InstanceMethod<&Plan::pass>("pass"),
                        InstanceMethod<&Plan::seconds>("seconds"), InstanceMethod<&Plan::close>("close")});
  }

  explicit Plan(const Napi::CallbackInfo& info);
  ~Plan() override;

 private:
  using Act = std::function<std::optional<double>()>;
  struct Job {
    Act act;
    Napi::ObjectReference arrays;  // keeps the memory that the act works on
    Napi::Promise::Deferred promise;
    std::optional<double> result;
    std::string error;
  };
  static void settle(Napi::Env env, Napi::Function, Plan* plan, Job* job);
  using Settled = Napi::TypedThreadSafeFunction<Plan, Job, &Plan::settle>;

  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value pass(const Napi::CallbackInfo& info);
  Napi::Value seconds(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  Napi::Value enqueue(Act act, const Napi::Array& arrays);
  void work(const int32_t* words, size_t count, const std::vector<Bytes>& constants, std::promise<void> opened);
  void stop(bool afterQueue);
  void join();
  static void tearDown(void* plan) { static_cast<Plan*>(plan)->stop(false), static_cast<Plan*>(plan)->join(); }

  int threads_ = 0;
  std::thread thread_;
  std::unique_ptr<Engine> engine_;  // the thread's, but for its sizes
  Settled settled_;
  Napi::ObjectReference constants_;
  std::deque<std::unique_ptr<Job>> jobs_;  // not yet settled, oldest first
  bool closed_ = false;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Job*> queue_;
  bool stopping_ = false;
};

Plan::Plan(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_int32_array)
    throw Napi::TypeError::New(env, "open: the words are not an Int32Array");
  const Bytes words = bytesOf(info[0], "open: the words");
  if (!info[1].IsArray()) throw Napi::TypeError::New(env, "open: the constants are not an array");
  const auto given = info[1].As<Napi::Array>();
  // The caller's array may change; that of the plan keeps their memory.
  const auto kept = Napi::Array::New(env, given.Length());
  std::vector<Bytes> constants;
  for (uint32_t i = 0; i < given.Length(); ++i) {
    const Napi::Value value = given[i];
    constants.push_back(bytesOf(value, "open: constant " + std::to_string(i)));
    kept[i] = value;
  }
  threads_ = info[2].IsNumber() ? info[2].As<Napi::Number>().Int32Value() : 0;
  if (threads_ < 1 || threads_ > 1024) throw Napi::RangeError::New(env, "open: threads is not a number from 1 to 1024");
  constants_ = Napi::Persistent(kept.As<Napi::Object>());

  std::promise<void> opened;
  std::future<void> ready = opened.get_future();
  thread_ = std::thread(&Plan::work, this, static_cast<const int32_t*>(words.data), words.length / sizeof(int32_t),
                        std::cref(constants), std::move(opened));
  try {
    ready.get();
  } catch (const std::exception& error) {
    thread_.join();
    throw Napi::Error::New(env, error.what());
  }
  settled_ = Settled::New(env, "undiffuse plan", 0, 1, this);
  settled_.Unref(env);  // an idle plan does not keep the process
  // Hooks run latest first: the thread is joined before `settled_` goes.
  napi_add_env_cleanup_hook(env, tearDown, this);
}

Plan::~Plan() {
  if (!thread_.joinable()) return;
  stop(false);
  join();
}

Napi::Value Plan::run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (closed_) throw Napi::Error::New(env, "run: the plan is closed");
  if (!info[0].IsArray() || !info[1].IsArray()) throw Napi::TypeError::New(env, "run: takes two arrays");
  std::vector<void*> feeds, outputs;
  Napi::Array arrays = Napi::Array::New(env);
  const auto take = [&](const char* name, const Napi::Array& from, const std::vector<size_t>& sizes,
                        std::vector<void*>& into) {
    if (from.Length() != sizes.size())
      throw Napi::RangeError::New(env, "run: " + std::to_string(from.Length()) + " " + name + "s, the plan has " +
                                           std::to_string(sizes.size()));
    for (uint32_t i = 0; i < sizes.size(); ++i) {
      const Napi::Value value = from[i];
      const std::string what = std::string(name) + " " + std::to_string(i);
      const Bytes bytes = bytesOf(value, "run: " + what);
      if (sizes[i] != 0 && bytes.length != sizes[i])
        throw Napi::RangeError::New(env, "run: " + what + " has " + std::to_string(bytes.length) +
                                             " bytes, the plan expects " + std::to_string(sizes[i]));
      into.push_back(bytes.data);
      arrays.Set(arrays.Length(), value);
    }
  };
  take("feed", info[0].As<Napi::Array>(), engine_->feedBytes(), feeds);
  take("output", info[1].As<Napi::Array>(), engine_->outputBytes(), outputs);
  const auto act = [this, feeds, outputs]() -> std::optional<double> {
    engine_->run(feeds.data(), outputs.data());
    return std::nullopt;
  };
  return enqueue(act, arrays);
}

Napi::Value Plan::pass(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (closed_) throw Napi::Error::New(env, "pass: the plan is closed");
  const Kernel* kernel = info[0].IsString() ? findKernel(info[0].As<Napi::String>()) : nullptr;
  if (!kernel) throw Napi::TypeError::New(env, "pass: there is no such kernel");
  if (!info[1].IsArray() || !info[2].IsArray()) throw Napi::TypeError::New(env, "pass: takes two arrays");
  const Napi::Array from = info[1].As<Napi::Array>(), numbers = info[2].As<Napi::Array>();
  if (from.Length() != kernel->ranges || numbers.Length() != kernel->constants)
    throw Napi::RangeError::New(env, "pass: another number of ranges or constants than the kernel takes");
  std::vector<float*> ranges;
  std::vector<float> constants;
  Napi::Array arrays = Napi::Array::New(env);
  size_t bytes = 0;
  for (uint32_t i = 0; i < from.Length(); ++i) {
    const Napi::Value value = from[i];
    const Bytes range = bytesOf(value, "pass: range " + std::to_string(i));
    if (i == 0) bytes = range.length;
    if (range.length != bytes || reinterpret_cast<uintptr_t>(range.data) % alignof(float))
      throw Napi::RangeError::New(env, "pass: the ranges differ in length, or begin off a boundary of 4");
    ranges.push_back(static_cast<float*>(range.data));
    arrays.Set(i, value);
  }
  for (uint32_t i = 0; i < numbers.Length(); ++i) {
    const Napi::Value number = numbers[i];
    constants.push_back(number.ToNumber().FloatValue());
  }
  const int64_t count = bytes / sizeof(float);
  const auto act = [this, kernel, ranges, constants, count]() -> std::optional<double> {
    return kernel->run(ranges.data(), count, constants.data(), threads_);
  };
  return enqueue(act, arrays);
}

Napi::Value Plan::enqueue(Act act, const Napi::Array& arrays) {
  const Napi::Env env = Env();
  const auto job = new Job{std::move(act), {}, Napi::Promise::Deferred::New(env), {}, {}};
  std::unique_ptr<Job> owned(job);
  job->arrays = Napi::Persistent(arrays.As<Napi::Object>());
  if (jobs_.empty()) Ref(), settled_.Ref(env);
  jobs_.push_back(std::move(owned));
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(job);
  }
  changed_.notify_one();
  return job->promise.Promise();
}

Napi::Value Plan::seconds(const Napi::CallbackInfo& info) {
  if (closed_ || !jobs_.empty()) throw Napi::Error::New(info.Env(), "seconds: the plan is running, or closed");
  const std::vector<double>& seconds = engine_->seconds();
  auto array = Napi::Float64Array::New(info.Env(), seconds.size());
  std::copy(seconds.begin(), seconds.end(), array.Data());
  return array;
}

void Plan::close(const Napi::CallbackInfo& info) {
  if (closed_) throw Napi::Error::New(info.Env(), "close: the plan is closed");
  closed_ = true;
  stop(true);
  if (jobs_.empty()) join();
}

void Plan::settle(Napi::Env env, Napi::Function, Plan* plan, Job* job) {
  if (!env) return;  // the environment is gone, and the plan may be
  const std::unique_ptr<Job> settled = std::move(plan->jobs_.front());
  plan->jobs_.pop_front();
  if (plan->jobs_.empty()) {
    plan->settled_.Unref(env);
    plan->Unref();
    if (plan->closed_) plan->join();
  }
  if (job->error.empty()) {
    job->promise.Resolve(job->result ? Napi::Number::New(env, *job->result) : env.Undefined());
  } else {
    job->promise.Reject(Napi::Error::New(env, job->error).Value());
  }
}

// `words` and `constants` are read until it is opened.
void Plan::work(const int32_t* words, size_t count, const std::vector<Bytes>& constants,
                std::promise<void> opened) {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "undiffuse plan");  // its team takes the name over
#endif
  omp_set_num_threads(threads_);
  try {
    engine_ = std::make_unique<Engine>(words, count, constants, threads_);
    opened.set_value();
  } catch (...) {
    opened.set_exception(std::current_exception());
    return;
  }
  for (;;) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) break;
    Job* job = queue_.front();
    queue_.pop_front();
    lock.unlock();
    try {
      job->result = job->act();
    } catch (const std::exception& error) {
      job->error = error.what();
    }
    settled_.NonBlockingCall(job);
  }
  engine_.reset();
}

// Ends the thread, after the run it is in or after all that are queued.
void Plan::stop(bool afterQueue) {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (!afterQueue) queue_.clear();
  }
  changed_.notify_one();
}

void Plan::join() {
  thread_.join();
  settled_.Release();
  napi_remove_env_cleanup_hook(Env(), tearDown, this);
  constants_.Reset();
}

class Addon : public Napi::Addon<Addon> {
 public:
  Addon(Napi::Env env, Napi::Object exports) : plan_(Napi::Persistent(Plan::define(env))) {
    DefineAddon(exports, {InstanceMethod<&Addon::open>("open"), InstanceMethod<&Addon::map>("map"),
                          InstanceMethod<&Addon::info>("info")});
  }

 private:
  Napi::Value open(const Napi::CallbackInfo& info) { return plan_.New({info[0], info[1], info[2]}); }

  // Pages are private, and copied where they are written. Null where the file is shorter, or cannot be mapped.
  Napi::Value map(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    for (int i = 0; i < 3; ++i)
      if (!info[i].IsNumber()) throw Napi::TypeError::New(env, "map: takes three numbers");
    const int file = info[0].As<Napi::Number>().Int32Value();
    const int64_t offset = info[1].As<Napi::Number>().Int64Value(), length = info[2].As<Napi::Number>().Int64Value();
    struct stat about;
    if (offset < 0 || length < 1 || fstat(file, &about) || offset > about.st_size - length) return env.Null();
    const int64_t before = offset % sysconf(_SC_PAGESIZE);
    const size_t bytes = before + length;
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, offset - before);
    if (memory == MAP_FAILED) return env.Null();
    const auto unmap = [](Napi::Env, void* data, size_t* size) { munmap(data, *size), delete size; };
    const auto size = new size_t(bytes);
    try {
      return Napi::Uint8Array::New(env, length, Napi::ArrayBuffer::New(env, memory, bytes, unmap, size), before);
    } catch (const Napi::Error&) {  // some hosts allow no memory but their own
      munmap(memory, bytes);
      delete size;
      return env.Null();
    }
  }

  Napi::Value info(const Napi::CallbackInfo& info) {
    const dnnl_version_t& version = *dnnl::version();
    Napi::Object result = Napi::Object::New(info.Env());
    result["onednn"] = std::to_string(version.major) + "." + std::to_string(version.minor) + "." +
                       std::to_string(version.patch);
    result["isa"] = isaName();
    result["threads"] = omp_get_max_threads();
    result["bf16"] = hasBf16();
    return result;
  }

  Napi::FunctionReference plan_;
};

}  // namespace

NODE_API_ADDON(Addon)

}  // namespace undiffuse
