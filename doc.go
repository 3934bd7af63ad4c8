// Package coldstate is the map of the project; it holds no code.
//
// Coldstate takes people's files, settings and accounts out of a Windows that
// is not running into a store. The folders are the journey of one file, left
// to right:
//
//	  bytes -> meaning          formats; each knows only its own
//	volumes/        disk, image or folder -> file systems with Windows metadata
//	                winfs/ the vocabulary, with winfstest/ for tests; image/ container files; medium/
//	                failing disks; partition/ tables; ldm/ dynamic disks; bitlocker/ encrypted volumes;
//	                ntfs/, fat/ and wim/ file systems
//	hive/           registry files -> keys and values
//	migxml/         rule files -> syntax trees with positions
//	store/          entries and contents <-> archive
//
//	  meaning -> a Windows      an installation that is not running
//	offline/        volumes + hives -> System
//	winold/         volumes + Systems -> the older Systems in Windows.old
//	profile/        System -> Users
//	inventory/      System + Users -> what a rebuild needs
//
//	  a Windows -> decisions
//	rules/          syntax trees + variables -> which objects, and why;
//	                builtin/ holds the shipped rule files
//	plan/           System + Users + rules -> the list to capture, and who
//	                shall be in which local groups
//
//	  decisions -> deeds
//	capture/        plan + System -> store
//	restore/folder/ entries -> a plain folder of the host
//
//	cmd/coldstate/  flags, printing, exit codes: the only place that talks to people
//	internal/       small formats and strings used by several of the above;
//	                publicdata/, mutants/ and testwin/ are for tests
//	testimages/     Windows disks for tests, and what builds them: hivegen/ registry
//	                files, ntfsgen/ volumes, lockgen/ BitLocker, diskgen/ partition
//	                tables, mktree/ the sample
//	docs/           format.md, rules.md, config.md, inspect-json.md, performance.md, decisions/
//
// The main job is one chain of calls, each taking what the last one gave:
//
//	volumes.Open -> offline.Find -> profile.Users -> rules.Compile -> plan.Build -> capture.Run -> store
//	                    \_ winold.Find
//
// The import table is layout_test.go.
package coldstate
