package rows

// MDSFile is for tests of other packages.
var MDSFile = mdsFile
