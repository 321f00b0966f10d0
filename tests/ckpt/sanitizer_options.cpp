// The HDF5 library loses a few hundred bytes each time it refuses a damaged file, which these tests
// give it by the hundred. LeakSanitizer calls this function for what it shall not report.
extern "C" const char* __lsan_default_suppressions();

extern "C" const char* __lsan_default_suppressions() {
  return "leak:libhdf5";
}
