@echo off
rem Puts the accounts of PC into their local groups on this Windows.
rem Run it as administrator, when the local accounts are there. It can be run
rem again. It ends with errorlevel 0 when everybody is where the plan says.
setlocal EnableExtensions DisableDelayedExpansion
set "FAILED=0"
if not defined TEMP set "TEMP=%SystemRoot%\Temp"
set "OUT=%TEMP%\coldstate-groups-%RANDOM%.txt"
set "FIND=%SystemRoot%\System32\find.exe"
set "NOUTF8="
set "CODEPAGE="

rem --- Administrators (S-1-5-32-544)
set "GROUPSID=S-1-5-32-544"
set "NAME=Administrators"
set "ENGLISH=Administrators"
call :find
echo %GROUPSID% is "%GROUP%"
rem PC\mia (microsoft): as on the source
echo   "mia"
set "OTHER=MicrosoftAccount\mia@example.com"
net localgroup "%GROUP%" "mia" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem AzureAD\NoaLevi (entra): as on the source
echo   "AzureAD\noa@contoso.com"
set "OTHER=S-1-12-1-7-8-9-10"
net localgroup "%GROUP%" "AzureAD\noa@contoso.com" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem CORP\bob (domain): as on the source
echo   "CORP\bob"
set "OTHER=S-1-5-21-10-20-30-1103"
net localgroup "%GROUP%" "CORP\bob" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded

rem --- Users (S-1-5-32-545)
set "GROUPSID=S-1-5-32-545"
set "NAME=Users"
set "ENGLISH=Users"
call :find
echo %GROUPSID% is "%GROUP%"
rem AzureAD\Guessed (entra): on the source by way of INTERACTIVE, here by name
echo   "S-1-12-1-1-1-1-1" AzureAD\Guessed
set "OTHER=S-1-12-1-1-1-1-1"
net localgroup "%GROUP%" "S-1-12-1-1-1-1-1" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded
rem S-1-5-21-10-20-30-1104 (domain): on the source by way of INTERACTIVE, here by name
echo   "S-1-5-21-10-20-30-1104"
set "OTHER=S-1-5-21-10-20-30-1104"
net localgroup "%GROUP%" "S-1-5-21-10-20-30-1104" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded

rem --- Remote Desktop Users (S-1-5-32-555)
set "GROUPSID=S-1-5-32-555"
set "NAME=Remote Desktop Users"
set "ENGLISH=Remote Desktop Users"
call :find
echo %GROUPSID% is "%GROUP%"
rem S-1-5-21-10-20-30-1104 (domain): as on the source
echo   "S-1-5-21-10-20-30-1104"
set "OTHER=S-1-5-21-10-20-30-1104"
net localgroup "%GROUP%" "S-1-5-21-10-20-30-1104" /add >"%OUT%" 2>&1
if errorlevel 1 call :notadded

if exist "%OUT%" del "%OUT%"
if defined CODEPAGE chcp %CODEPAGE% >nul 2>nul
if "%FAILED%"=="0" echo Everybody is in the groups of the plan.
if "%FAILED%"=="0" exit /b 0
echo %FAILED% could not be done, see above. A local account has to be made first: net user NAME * /add
exit /b 1

:find
set "GROUP="
for /f "usebackq delims=" %%N in (`powershell -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command "(New-Object System.Security.Principal.SecurityIdentifier('%GROUPSID%')).Translate([System.Security.Principal.NTAccount]).Value.Split('\')[-1]" 2^>nul ^<nul`) do set "GROUP=%%N"
if defined GROUP exit /b 0
for /f "usebackq tokens=1,* delims==" %%A in (`wmic path Win32_Group where "LocalAccount=TRUE and SID='%GROUPSID%'" get Name /value 2^>nul ^<nul`) do for /f "delims=" %%N in ("%%B") do set "GROUP=%%N"
if defined GROUP exit /b 0
net localgroup "%NAME%" >nul 2>nul
if not errorlevel 1 set "GROUP=%NAME%"
if defined GROUP exit /b 0
set "GROUP=%NAME%"
if "%NAME%"=="%ENGLISH%" exit /b 0
net localgroup "%ENGLISH%" >nul 2>nul
if not errorlevel 1 set "GROUP=%ENGLISH%"
exit /b 0

:create
net localgroup "%GROUP%" /add >"%OUT%" 2>&1
if not errorlevel 1 exit /b 0
:exists
"%FIND%" " 1379" "%OUT%" >nul 2>nul
if not errorlevel 1 exit /b 0
"%FIND%" " 2223" "%OUT%" >nul 2>nul
if not errorlevel 1 exit /b 0
if exist "%OUT%" type "%OUT%"
set /a FAILED+=1
exit /b 1

:notadded
"%FIND%" " 1378" "%OUT%" >nul 2>nul
if not errorlevel 1 exit /b 0
if not defined OTHER goto :refused
net localgroup "%GROUP%" "%OTHER%" /add >>"%OUT%" 2>&1
if not errorlevel 1 exit /b 0
powershell -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command "$ErrorActionPreference='Stop'; try { Add-LocalGroupMember -Name $env:GROUP -Member $env:OTHER } catch { if ($_.FullyQualifiedErrorId -like 'MemberExists*') { exit 0 }; ([ADSI]('WinNT://./'+$env:GROUP+',group')).psbase.Invoke('Add','WinNT://'+$env:OTHER) }" >>"%OUT%" 2>&1 <nul
if not errorlevel 1 exit /b 0
:refused
if exist "%OUT%" type "%OUT%"
set /a FAILED+=1
exit /b 1

:notremoved
"%FIND%" " 1377" "%OUT%" >nul 2>nul
if not errorlevel 1 exit /b 0
if not defined OTHER goto :refused
net localgroup "%GROUP%" "%OTHER%" /delete >>"%OUT%" 2>&1
if not errorlevel 1 exit /b 0
powershell -NoProfile -NonInteractive -ExecutionPolicy Bypass -Command "$ErrorActionPreference='Stop'; try { Remove-LocalGroupMember -Name $env:GROUP -Member $env:OTHER } catch { if ($_.FullyQualifiedErrorId -like 'MemberNotFound*') { exit 0 }; ([ADSI]('WinNT://./'+$env:GROUP+',group')).psbase.Invoke('Remove','WinNT://'+$env:OTHER) }" >>"%OUT%" 2>&1 <nul
if not errorlevel 1 exit /b 0
goto :refused
