# python_api.pxd: what we use of Python's C API and Cython itself does not declare.
cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    ctypedef struct PyThreadState:
        pass
    PyThreadState *PyEval_SaveThread() nogil
    void PyEval_RestoreThread(PyThreadState *state) nogil
    ctypedef enum PyGILState_STATE:
        PyGILState_UNLOCKED
    PyGILState_STATE PyGILState_Ensure() nogil
    void PyGILState_Release(PyGILState_STATE) nogil
