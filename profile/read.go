package profile

const ntuserName = "NTUSER.DAT"
